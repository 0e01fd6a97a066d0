//! What the program says to people on standard error, beside the log.

use std::fmt::Display;
use std::io::{self, Write};

/// Says why something is not as it should be. Nothing can be done where nobody can be told.
pub(crate) fn complain(what: &dyn Display) {
    let _ = write_line(&mut io::stderr(), what);
}

/// In one write: the nodes of `conclave dev` have the same standard error, and a line written in parts can have another process's line between them.
fn write_line(to: &mut impl Write, what: &dyn Display) -> io::Result<()> {
    to.write_all(format!("conclave: {what}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every write by itself.
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_write() {
        let mut writes = Writes(Vec::new());
        write_line(&mut writes, &format_args!("node {} has ended ({})", 2, "signal: 9")).unwrap();
        assert_eq!(writes.0, [b"conclave: node 2 has ended (signal: 9)\n"]);
    }
}
