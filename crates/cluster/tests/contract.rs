//! The contract in `proto/` says what everything in it means: no message, field, value or call is without a comment of its own, and each file says where
//! its records are, and in which version.

use std::path::Path;

/// What is wrong with a file of the contract, line by line.
fn complaints(name: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let uncommented = lines.iter().enumerate().filter(|(at, line)| {
        let above = at.checked_sub(1).is_some_and(|above| says_something(lines[above]));
        declares(line) && !above && !line.split_once(';').is_some_and(|(_, rest)| says_something(rest.trim()))
    });
    let mut complaints: Vec<String> =
        uncommented.map(|(at, line)| format!("{name}:{}: without a comment: {line}", at + 1)).collect();
    let header: Vec<&str> = lines.iter().copied().take_while(|line| line.starts_with("//")).collect();
    let header = header.join(" ");
    if !header.starts_with("// On disk") && !header.starts_with("// On the wire") {
        complaints.push(format!("{name}: its header does not begin with where its records are, on disk or on the wire"));
    }
    let version = text.lines().find_map(|line| line.strip_prefix("package ")?.strip_suffix(';')?.rsplit_once(".v"));
    if !version.is_some_and(|(_, version)| header.contains(&format!("Version {version}"))) {
        complaints.push(format!("{name}: its header does not say which version its package is"));
    }
    complaints
}

fn says_something(comment: &str) -> bool {
    comment.strip_prefix("//").is_some_and(|text| text.chars().any(char::is_alphabetic))
}

/// A message, a field, a value, a call, or a choice of fields.
fn declares(line: &str) -> bool {
    let keyword = line.split_whitespace().next().unwrap_or_default();
    let of_the_file = ["syntax", "package", "import", "option", "reserved"].contains(&keyword);
    let opens = ["message", "enum", "service", "oneof"].contains(&keyword);
    !line.starts_with("//") && !of_the_file && (opens || keyword == "rpc" || line.contains(" = "))
}

#[test]
fn everything_in_the_contract_has_a_comment() {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = std::fs::read_dir(&proto).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "proto")).collect();
    files.sort();
    assert!(files.len() >= 10, "only {} files in {}", files.len(), proto.display());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let complaints: Vec<String> =
        files.iter().flat_map(|path| complaints(&name(path), &std::fs::read_to_string(path).unwrap())).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_has_none_is_found() {
    let text = "// A file.\npackage conclave.x.v2;\n\nmessage A {\n  // The first.\n  uint32 a = 1;\n  uint32 b = 2;\n  uint32 c = 3; // the third\n  //\n  oneof d {\n    \
                uint32 e = 4;\n  }\n}\n\nenum F {\n  G = 0;\n}\n\nservice H {\n  rpc I(A) returns (A);\n}\n";
    let found: Vec<String> = complaints("x.proto", text).iter().map(|one| one.replacen("x.proto:", "", 1)).collect();
    assert_eq!(
        found,
        [
            "4: without a comment: message A {",
            "7: without a comment: uint32 b = 2;",
            "10: without a comment: oneof d {",
            "11: without a comment: uint32 e = 4;",
            "15: without a comment: enum F {",
            "16: without a comment: G = 0;",
            "19: without a comment: service H {",
            "20: without a comment: rpc I(A) returns (A);",
            " its header does not begin with where its records are, on disk or on the wire",
            " its header does not say which version its package is",
        ]
    );
}
