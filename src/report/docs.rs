//! `/docs`: one page that needs nothing else, made from the endpoints that the server answers.

use alloc::string::String;

use crate::report::number::push_integer;
use crate::report::{Build, Endpoint};

/// The page around the endpoints, which take the place of [`MARK`].
const PAGE: &str = include_str!("docs.html");
const MARK: &str = "<!-- endpoints -->";
const VERSION: &str = "<!-- version -->";

/// The page that describes `endpoints`.
pub fn render(build: &Build, endpoints: &[Endpoint<'_>]) -> String {
    let (head, foot) = PAGE.split_once(MARK).unwrap_or((PAGE, ""));
    let mut out = String::with_capacity(12 * 1024);
    match head.split_once(VERSION) {
        Some((before, after)) => {
            out.push_str(before);
            push_text(&mut out, build.version);
            out.push_str(after);
        }
        None => out.push_str(head),
    }
    for endpoint in endpoints {
        push_endpoint(&mut out, endpoint);
    }
    out.push_str(foot);
    out
}

fn push_endpoint(out: &mut String, endpoint: &Endpoint<'_>) {
    let mut paths = endpoint.paths.iter();
    out.push_str("<section>\n<h2>");
    for method in endpoint.allow.split(", ").filter(|method| matches!(*method, "GET" | "POST")) {
        push_element(out, "b", method);
    }
    if let Some(path) = paths.next() {
        push_link(out, path);
    }
    out.push_str("</h2>\n");
    push_element(out, "p", endpoint.summary);
    push_element(out, "p", endpoint.description);
    out.push_str("<dl><dt>Also</dt><dd>");
    let mut also = false;
    for path in paths {
        out.push_str(if also { ", " } else { "" });
        push_link(out, path);
        also = true;
    }
    out.push_str(if also { "</dd>\n" } else { "nowhere else</dd>\n" });
    out.push_str("<dt>Methods</dt><dd>");
    push_text(out, endpoint.allow);
    out.push_str("</dd>\n<dt>Type</dt><dd>");
    push_element(out, "code", endpoint.media_type);
    out.push_str("</dd>\n");
    for (status, when) in endpoint.responses {
        out.push_str("<dt>");
        push_integer(out, u64::from(*status));
        out.push_str("</dt><dd>");
        push_text(out, when);
        out.push_str("</dd>\n");
    }
    out.push_str("</dl>\n</section>\n");
}

fn push_link(out: &mut String, path: &str) {
    // One with a name to be filled in leads nowhere as it stands.
    if path.ends_with('}') {
        return push_text(out, path);
    }
    out.push_str("<a href=\"");
    push_text(out, path);
    out.push_str("\">");
    push_text(out, path);
    out.push_str("</a>");
}

fn push_element(out: &mut String, element: &str, text: &str) {
    for part in ["<", element, ">"] {
        out.push_str(part);
    }
    push_text(out, text);
    for part in ["</", element, ">\n"] {
        out.push_str(part);
    }
}

fn push_text(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Schema;

    const BUILD: Build = Build { version: "0.1.0", revision: "", arch: "", target: "" };

    #[test]
    fn the_page_describes_the_endpoint_and_nothing_breaks_out_of_it() {
        let endpoint = Endpoint {
            paths: &["/v1/x", "/x"],
            allow: "GET, HEAD, POST, OPTIONS",
            summary: "<script>",
            description: "a \"b\" & c",
            media_type: "text/x",
            schema: Schema::Text,
            responses: &[(200, "Fine."), (500, "Not fine.")],
        };
        let page = render(&BUILD, &[endpoint]);
        for expected in
            ["<b>GET</b>", "<b>POST</b>", "href=\"/v1/x\"", "href=\"/x\"", "<dt>500</dt><dd>Not fine.", "0.1.0"]
        {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        assert!(page.contains("<p>&lt;script&gt;</p>") && page.contains("a &quot;b&quot; &amp; c"), "{page}");
        assert!(!page.contains("<!--"), "{page}");
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        assert!(!PAGE.contains("://") && !PAGE.contains("src=") && !PAGE.contains("@import"));
        assert!(PAGE.len() < 6 * 1024, "{}", PAGE.len());
    }
}
