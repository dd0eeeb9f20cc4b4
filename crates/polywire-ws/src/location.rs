//! Where a redirect leads (RFC 9110 section 10.2.2, RFC 3986 section 5).

use http::uri::PathAndQuery;
use polywire_core::address::RemoteAddr;

use crate::url::{Scheme, WsUrl};

/// The address that `location` is, as it stands in an answer of the server at `base`. What follows a `#` means
/// nothing to a server. `None` for what is not the address of a WebSocket server.
pub(crate) fn resolve(base: &WsUrl, scheme: Scheme, location: &str) -> Option<WsUrl> {
    let reference = location.split('#').next()?;
    if let Some((written, rest)) = scheme_of(reference) {
        // RFC 9110 section 4.2.1: a server is named behind two slashes alone.
        if !rest.starts_with("//") {
            return None;
        }
        let scheme = match written.to_ascii_lowercase().as_str() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return None,
        };
        return absolute(&format!("{scheme}:{rest}"));
    }
    if reference.starts_with("//") {
        let scheme = if scheme == Scheme::Wss { "wss" } else { "ws" };
        return absolute(&format!("{scheme}:{reference}"));
    }
    let (path, query) = split_query(reference);
    let (base_path, base_query) = split_query(base.path());
    let target = match path {
        "" if query.is_empty() => format!("{base_path}{base_query}"),
        "" => format!("{base_path}{query}"),
        path if path.starts_with('/') => format!("{}{query}", without_dots(path)),
        path => {
            let folder = &base_path[..base_path.rfind('/').map_or(0, |at| at + 1)];
            format!("{}{query}", without_dots(&format!("{folder}{path}")))
        }
    };
    let is_fit = target.bytes().all(|byte| byte.is_ascii_graphic())
        && target.parse::<PathAndQuery>().is_ok();
    is_fit.then(|| base.with_path(scheme, target))
}

fn absolute(text: &str) -> Option<WsUrl> {
    WsUrl::parse(&RemoteAddr::Str(text.into())).ok()
}

/// The scheme in front of a reference, and what is behind its colon.
fn scheme_of(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

/// The path, and the query with its question mark.
fn split_query(text: &str) -> (&str, &str) {
    text.split_at(text.find('?').unwrap_or(text.len()))
}

/// An absolute path without `.` and `..` (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_dots = matches!(segment, "." | "..");
        if segment == ".." {
            kept.pop();
        }
        match (is_dots, segments.peek()) {
            (false, _) => kept.push(segment),
            (true, None) => kept.push(""),
            (true, Some(_)) => {}
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(base: &str, location: &str) -> Option<String> {
        let base = WsUrl::parse(&RemoteAddr::Str(base.into())).unwrap();
        let scheme = base.scheme().unwrap();
        let url = resolve(&base, scheme, location)?;
        let scheme = if url.scheme() == Some(Scheme::Wss) { "wss" } else { "ws" };
        Some(format!("{scheme}://{}{}", url.authority(), url.path()))
    }

    #[test]
    fn a_location_is_absolute_or_relative_to_the_server_that_sends_it() {
        for (location, expected) in [
            ("ws://other/x?y", "ws://other:80/x?y"),
            ("http://other:81", "ws://other:81/"),
            ("HTTPS://other/x#part", "wss://other:443/x"),
            ("wss:///x", ""),
            ("https:other", ""),
            ("http:8080", ""),
            ("https:443", ""),
            ("ws:/x", ""),
            ("ftp://other/", ""),
            ("mailto:a@b", ""),
            ("ws://user:secret@other/", ""),
            ("//other/x", "ws://other:80/x"),
            ("//[::1]:9/", "ws://[::1]:9/"),
            ("//other/s?ids=[%22a%22]", "ws://other:80/s?ids=[%22a%22]"),
            ("//", ""),
            ("/x/y", "ws://h:81/x/y"),
            ("/x?u=http://a/", "ws://h:81/x?u=http://a/"),
            ("/x y", ""),
            ("/x\u{e9}", ""),
            ("z", "ws://h:81/a/b/z"),
            ("./z?q", "ws://h:81/a/b/z?q"),
            ("../z", "ws://h:81/a/z"),
            ("../../../../z", "ws://h:81/z"),
            ("..", "ws://h:81/a/"),
            (".", "ws://h:81/a/b/"),
            ("/x/./y/../z/", "ws://h:81/x/z/"),
            ("/x/..", "ws://h:81/"),
            ("?z", "ws://h:81/a/b/c?z"),
            ("", "ws://h:81/a/b/c?d/e"),
            ("#part", "ws://h:81/a/b/c?d/e"),
            ("z:1", ""),
            ("./z:1", "ws://h:81/a/b/z:1"),
        ] {
            let found = resolved("ws://h:81/a/b/c?d/e", location).unwrap_or_default();
            assert_eq!(found, expected, "{location}");
        }
        assert_eq!(resolved("wss://h/", "//other/").unwrap(), "wss://other:443/");
        assert_eq!(resolved("ws://h?q", "x").unwrap(), "ws://h:80/x");
    }
}
