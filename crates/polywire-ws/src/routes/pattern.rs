//! A path of which segments may be parameters.

use std::fmt;
use std::io;

use crate::percent;

/// The path of a route.
#[derive(Clone)]
pub(super) struct Pattern {
    path: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// As it is sent.
    Text(String),
    /// Any name, by the name of the parameter.
    Param(String),
}

/// The parameters of a path, by name.
type Params = Vec<(String, String)>;

impl Pattern {
    pub(super) fn new(path: &str) -> Self {
        let segments = path.strip_prefix('/').unwrap_or(path).split('/').map(segment_of).collect();
        Self { path: path.to_owned(), segments }
    }

    /// Refuses what no path of a request can match, behind the routes `before` it.
    pub(super) fn check<'a>(&self, mut before: impl Iterator<Item = &'a Self>) -> io::Result<()> {
        if let Some(twin) = before.find(|before| before.matches_as(self)) {
            let text = format!(
                "'{}' matches the same as '{}', which comes before it: leave one out",
                self.path, twin.path
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let Some(why) = self.fault() else { return Ok(()) };
        let text = format!("'{}' is not the path of a route: {why}", self.path);
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }

    fn fault(&self) -> Option<String> {
        if let Some(name) = self.segments.iter().find_map(Segment::foreign_parameter) {
            let name = if name.is_empty() { "name" } else { name };
            return Some(format!("write {{{name}}} for a parameter, which is one segment"));
        }
        let mut names: Vec<&str> = self.segments.iter().filter_map(Segment::name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        let why = if !self.path.starts_with('/') {
            "it begins with '/'"
        } else if self.path.contains(['?', '#']) {
            "it has no query and no fragment"
        } else if self.segments.iter().any(Segment::is_half_a_parameter) {
            "a parameter is a whole segment: '/{name}/'"
        } else if names.len() < count || names.contains(&"") {
            "each parameter has a name of its own"
        } else {
            return None;
        };
        Some(why.into())
    }

    /// Whether both match the same paths.
    fn matches_as(&self, other: &Self) -> bool {
        let alike = |(one, other): (&Segment, &Segment)| match (one.name(), other.name()) {
            (Some(_), Some(_)) => true,
            _ => one == other,
        };
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(alike)
    }

    /// The parameters, if `path` matches.
    pub(super) fn matches(&self, path: &str) -> Option<Params> {
        let mut rest = path.strip_prefix('/')?.split('/');
        let mut params = Vec::new();
        for segment in &self.segments {
            let sent = rest.next()?;
            match segment {
                Segment::Text(text) if text == sent => {}
                Segment::Text(_) => return None,
                Segment::Param(name) => params.push((name.clone(), name_in(sent)?)),
            }
        }
        rest.next().is_none().then_some(params)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl Segment {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Param(name) => Some(name),
            Self::Text(_) => None,
        }
    }

    /// The name of what is a parameter for other routers: `:name`, `*name`.
    fn foreign_parameter(&self) -> Option<&str> {
        match self {
            Self::Text(text) if text.starts_with([':', '*']) => {
                Some(text.trim_start_matches([':', '*']))
            }
            _ => None,
        }
    }

    fn is_half_a_parameter(&self) -> bool {
        matches!(self, Self::Text(text) | Self::Param(text) if text.contains(['{', '}']))
    }
}

fn segment_of(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => Segment::Param(name.to_owned()),
        None => Segment::Text(encoded(text)),
    }
}

/// As a browser sends it: what is not ASCII, and spaces, percent-encoded.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        if character.is_ascii_graphic() {
            encoded.push(character);
        } else {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).bytes();
            bytes.for_each(|byte| encoded += &format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A segment percent-decoded (RFC 3986 section 2.1), if it can be a name.
fn name_in(segment: &str) -> Option<String> {
    let name = String::from_utf8(percent::decode(segment)?).ok()?;
    let is_name = !matches!(name.as_str(), "" | "." | "..")
        && !name
            .contains(|character: char| matches!(character, '/' | '\\') || character.is_control());
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the parameters.
    fn values(pattern: &str, path: &str) -> Option<Vec<String>> {
        let pattern = Pattern::new(pattern);
        pattern.check([].iter()).unwrap();
        Some(pattern.matches(path)?.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn paths_match_segment_by_segment() {
        for (pattern, path, expected) in [
            ("/", "/", Some(vec![])),
            ("/", "//", None),
            ("/", "/x", None),
            ("/a/b", "/a/b", Some(vec![])),
            ("/a/b", "/a/b/", None),
            ("/a/b", "/a", None),
            ("/a/b", "/A/b", None),
            ("/a/b", "/%61/b", None),
            ("/a/b", "/a//b", None),
            ("/a/b", "/a/./b", None),
            ("/a/b", "/x/../a/b", None),
            ("/a/b", "a/b", None),
            ("/a/", "/a/", Some(vec![])),
            ("/caf\u{e9}", "/caf%C3%A9", Some(vec![])),
            ("/{x}", "/1", Some(vec!["1"])),
            ("/{x}", "/1/2", None),
            ("/{x}/{y}", "/1/2", Some(vec!["1", "2"])),
            ("/{x}/b", "/a/b", Some(vec!["a"])),
        ] {
            let expected: Option<Vec<String>> =
                expected.map(|values: Vec<&str>| values.into_iter().map(Into::into).collect());
            assert_eq!(values(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_parameter_is_a_name_and_never_a_way_out() {
        for (sent, name) in [
            ("lobby", Some("lobby")),
            ("a%20b", Some("a b")),
            ("a+b", Some("a+b")),
            ("%c3%a9", Some("\u{e9}")),
            ("%25", Some("%")),
            ("...", Some("...")),
            ("%252e%252e", Some("%2e%2e")),
            ("", None),
            (".", None),
            ("..", None),
            ("%2e%2E", None),
            (".%2e", None),
            ("a%2fb", None),
            ("a%5Cb", None),
            ("a%00b", None),
            ("a%0ab", None),
            ("a%7f", None),
            ("a%", None),
            ("a%2", None),
            ("a%zz", None),
            ("a%+1", None),
            ("%ff", None),
            ("%c0%ae", None),
        ] {
            let expected = name.map(|name| vec![name.to_owned()]);
            assert_eq!(values("/{x}", &format!("/{sent}")), expected, "{sent}");
        }
    }

    #[test]
    fn a_route_that_no_request_gets_to_is_refused() {
        let routes = ["/", "/a/{b}", "/{a}/b"].map(Pattern::new);
        for (path, twin) in [("/", "'/'"), ("/a/{c}", "'/a/{b}'"), ("/{b}/b", "'/{a}/b'")] {
            let error = Pattern::new(path).check(routes.iter()).unwrap_err().to_string();
            assert!(error.contains(twin) && error.contains("leave one out"), "{error}");
        }
        for path in ["/a", "/a/", "/{x}", "/{x}/{y}", "/a/b"] {
            assert!(Pattern::new(path).check(routes.iter()).is_ok(), "{path}");
        }
    }

    #[test]
    fn what_cannot_be_a_path_is_refused() {
        for (path, part) in [
            ("", "begins with"),
            ("a", "begins with"),
            ("/a?b", "query"),
            ("/a#b", "fragment"),
            ("/x{a}", "whole segment"),
            ("/{a}{b}", "whole segment"),
            ("/{a", "whole segment"),
            ("/{}", "name of its own"),
            ("/{a}/{a}", "name of its own"),
            ("/rooms/:room", "write {room}"),
            ("/files/*", "write {name}"),
            ("/files/*path", "write {path}"),
        ] {
            let error = Pattern::new(path).check([].iter()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(part), "{path}: {error}");
        }
    }
}
