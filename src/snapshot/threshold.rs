//! When a usage rises above what the operator called a warning or an error, and when it is back.

/// Where a usage stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// At or below both thresholds.
    #[default]
    Normal,
    /// Above the warning threshold.
    Warning,
    /// Above the error threshold.
    Error,
}

/// The operator's two thresholds, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// `WARNING_THRESHOLD`.
    pub warning_percent: u8,
    /// `ERROR_THRESHOLD`.
    pub error_percent: u8,
}

impl Thresholds {
    /// Where `part` of `whole` stands. Nothing of nothing is normal: a node without swap has no swap problem.
    pub fn level(&self, part: u64, whole: u64) -> Level {
        let above = |percent: u8| u128::from(part) * 100 > u128::from(whole) * u128::from(percent);
        if above(self.error_percent) {
            Level::Error
        } else if above(self.warning_percent) {
            Level::Warning
        } else {
            Level::Normal
        }
    }
}

/// A change of level that the operator is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// Now above the warning threshold, or back below the error threshold but still above the warning one.
    Warning,
    /// Now above the error threshold.
    Error,
    /// Back to normal.
    Normal,
}

/// One usage watched from beat to beat: a crossing is told once, not once a beat.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threshold {
    level: Level,
}

impl Threshold {
    /// Takes the level of this beat and says whether it was crossed since the last.
    pub fn crossing(&mut self, level: Level) -> Option<Crossing> {
        if core::mem::replace(&mut self.level, level) == level {
            return None;
        }
        Some(match level {
            Level::Normal => Crossing::Normal,
            Level::Warning => Crossing::Warning,
            Level::Error => Crossing::Error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Thresholds = Thresholds { warning_percent: 80, error_percent: 90 };

    #[test]
    fn a_threshold_itself_is_not_above_it() {
        assert_eq!(USUAL.level(80, 100), Level::Normal);
        assert_eq!(USUAL.level(801, 1000), Level::Warning);
        assert_eq!(USUAL.level(900, 1000), Level::Warning);
        assert_eq!(USUAL.level(901, 1000), Level::Error);
    }

    #[test]
    fn a_node_without_swap_has_no_swap_problem() {
        assert_eq!(Thresholds { warning_percent: 0, error_percent: 0 }.level(0, 0), Level::Normal);
    }

    #[test]
    fn a_crossing_is_told_once() {
        let mut watched = Threshold::default();
        assert_eq!(watched.crossing(Level::Normal), None);
        assert_eq!(watched.crossing(Level::Warning), Some(Crossing::Warning));
        assert_eq!(watched.crossing(Level::Warning), None);
        assert_eq!(watched.crossing(Level::Error), Some(Crossing::Error));
        assert_eq!(watched.crossing(Level::Error), None);
        assert_eq!(watched.crossing(Level::Normal), Some(Crossing::Normal));
    }
}
