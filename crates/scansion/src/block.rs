//! Lines to blocks: a line that begins at the margin, and the indented lines that belong to it.

/// One step of a script, or one entry of an `.extra` file, still as text.
#[derive(Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The number of the line at the margin, from 1.
    pub line: usize,
    /// That line.
    pub head: &'a str,
    /// The lines that belong to it, with their numbers.
    pub body: Vec<(usize, &'a str)>,
    /// The comment directly above it: no blank line stands between them.
    pub comment: String,
}

/// Whether a line is for people only.
pub fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["#", "//", "--"].iter().any(|mark| line.starts_with(mark))
}

/// Reads blocks. A line at the margin that begins with `<` still belongs to the block above it: nothing else begins so.
///
/// The error is the number of an indented line that stands below nothing.
pub fn blocks<'a>(lines: impl IntoIterator<Item = (usize, &'a str)>) -> Result<Vec<Block<'a>>, usize> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    let mut comment = String::new();
    for (number, line) in lines {
        let continues = line.starts_with([' ', '\t', '<']);
        if line.trim().is_empty() {
            comment.clear();
        } else if is_comment(line) && (!continues || blocks.is_empty()) {
            push_comment(&mut comment, line);
        } else if continues {
            comment.clear();
            blocks.last_mut().ok_or(number)?.body.push((number, line));
        } else {
            let comment = std::mem::take(&mut comment);
            blocks.push(Block { line: number, head: line.trim_end(), body: Vec::new(), comment });
        }
    }
    Ok(blocks)
}

fn push_comment(comment: &mut String, line: &str) {
    let words = line.trim().trim_start_matches(['#', '/', '-']).trim();
    if !comment.is_empty() && !words.is_empty() {
        comment.push(' ');
    }
    comment.push_str(words);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Block<'_>>, usize> {
        blocks(text.lines().enumerate().map(|(index, line)| (index + 1, line)))
    }

    #[test]
    fn a_block_keeps_its_body_and_the_comment_directly_above() {
        let read =
            read("# far\n\n# near\n// and more\nA sends:\n\t<a>\n# not for anybody\n</a>\n\nB connects\n").expect("blocks");
        let shown: Vec<_> = read.iter().map(|b| (b.line, b.head, b.comment.as_str(), b.body.len())).collect();
        assert_eq!(shown, [(5, "A sends:", "near and more", 2), (10, "B connects", "", 0)]);
    }

    #[test]
    fn an_indented_line_needs_a_block_above_it() {
        assert_eq!(read("\n\t<presence/>\n"), Err(2));
    }
}
