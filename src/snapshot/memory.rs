//! Memory and swap, in bytes.

/// Main memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that the kernel manages.
    pub total_bytes: u64,
    /// What programs could still get without swapping: the kernel's own estimate (`MemAvailable`, Linux 3.14), or
    /// free memory and what caches would give back where the kernel makes none.
    pub available_bytes: u64,
}

impl Memory {
    /// What is not available.
    pub fn used_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.available_bytes)
    }
}

/// Swap space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swap {
    /// All of it; 0 on a node without swap.
    pub total_bytes: u64,
    /// What is free of it.
    pub free_bytes: u64,
}

impl Swap {
    /// What is in use.
    pub fn used_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.free_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_available_than_there_is_uses_nothing() {
        assert_eq!(Memory { total_bytes: 1, available_bytes: 2 }.used_bytes(), 0);
        assert_eq!(Swap { total_bytes: 1, free_bytes: 2 }.used_bytes(), 0);
    }
}
