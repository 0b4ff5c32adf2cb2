//! x
/// x
pub struct Stdout;
impl Stdout {
    /// x
    pub fn open() -> Self {
        Stdout
    }
    /// x
    pub fn write_line(&mut self, line: &str) -> bool {
        println!("{line}");
        true
    }
}
