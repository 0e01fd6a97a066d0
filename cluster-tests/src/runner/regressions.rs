//! Runs that have found something: `runs.txt`.

use super::{Order, nodes_for};
use crate::columns::{lines, word};
use crate::faults::Class;
use crate::traffic::Profile;

const TEXT: &str = include_str!("../../runs.txt");

/// A run that has found something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Regression {
    /// What was run then.
    pub order: Order,
    /// Whether it is part of every test.
    pub always: bool,
    /// What was found.
    pub what: &'static str,
}

/// All of them.
///
/// # Errors
///
/// A sentence that names the line that is none.
pub fn regressions() -> Result<Vec<Regression>, String> {
    lines(TEXT).map(|(number, line)| parse(line).map_err(|why| format!("runs.txt, line {number}: {why}"))).collect()
}

fn parse(line: &'static str) -> Result<Regression, String> {
    let (seed, rest) = word(line);
    let (traffic, rest) = word(rest);
    let (faults, rest) = word(rest);
    let (when, what) = word(rest);
    let seed = seed.parse().map_err(|error| format!("the seed `{seed}`: {error}"))?;
    let traffic = Profile::parse(traffic)?;
    let class = |name| Class::named(name).ok_or_else(|| format!("there is no fault `{name}`"));
    let faults: Vec<Class> = faults.split(',').map(class).collect::<Result<_, _>>()?;
    let always = match when {
        "always" => true,
        "asked" => false,
        other => return Err(format!("`{other}` is neither `always` nor `asked`")),
    };
    let nodes = nodes_for(&faults);
    Ok(Regression { order: Order { traffic, faults, nodes, ..Order::of(seed) }, always, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_run() {
        let all = regressions().expect("a list");
        assert!(all.iter().any(|regression| regression.always) && all.iter().any(|regression| !regression.always));
        assert!(all.iter().all(|regression| !regression.what.is_empty()));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        assert!(parse("x rooms drain asked x").expect_err("none").starts_with("the seed `x`: "));
        assert_eq!(parse("1 rooms drain,rain asked x").expect_err("none"), "there is no fault `rain`");
        assert_eq!(parse("1 rooms drain never x").expect_err("none"), "`never` is neither `always` nor `asked`");
    }
}
