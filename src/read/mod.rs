//! The roots of /proc, /sys and the disks: the only place that opens kernel files or asks statvfs(3).
