//! `connectivity`: targets that prove this node is online, by scope.

use alloc::vec::Vec;

use crate::config::file::Context;
use crate::config::file::fields::{Field, Fields};
use crate::config::file::references::resolve;
use crate::config::file::urls::{host_and_port, http_url};
use crate::config::monitors::{Scope, Target};
use crate::config::yaml::{Mistake, Node};
use crate::limits::CONNECTIVITY_TARGETS;

/// `lan` and `wan`: each `host:port`, a URL of http whose host and port are taken, or a list of such.
pub(super) fn targets(node: &Node<'_>, context: &Context<'_>) -> Result<Vec<Target>, Mistake> {
    let fields = Fields::of("connectivity", node, &["lan", "wan"])?;
    let mut targets = Vec::new();
    for (key, scope) in [("lan", Scope::Lan), ("wan", Scope::Wan)] {
        let Some(field) = fields.get(key) else { continue };
        if field.items().len() > CONNECTIVITY_TARGETS {
            let mut buffer = itoa::Buffer::new();
            return Err(field.remark(&["too many: expected at most ", buffer.format(CONNECTIVITY_TARGETS)]));
        }
        for item in field.items() {
            let item = Field { key, node: item };
            let target = resolve(item, context)?;
            let of_url = || http_url(&target).map(|url| (url.host, url.port));
            let Some((host, port)) = host_and_port(target.trim()).or_else(of_url) else {
                // Not shown: a URL may have a password in it.
                return Err(item.remark(&["not a target: expected host:port, or a URL of http"]));
            };
            targets.push(Target { scope, host, port });
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::values::read;

    #[test]
    fn connectivity_targets_are_addresses_or_urls() {
        let (file, warnings) = read(
            "connectivity:\n  lan: 192.168.1.1:53\n  wan: ['[2606:4700::1111]:443', https://example.org/, http://u:p@h:81/x]\n\
             monitors:\n- {name: a, type: tcp, url: 'h:1', scope: wan}\n",
        );
        let target = |scope, host: &str, port| Target { scope, host: host.into(), port };
        let expected = [
            target(Scope::Lan, "192.168.1.1", 53),
            target(Scope::Wan, "2606:4700::1111", 443),
            target(Scope::Wan, "example.org", 443),
            target(Scope::Wan, "h", 81),
        ];
        assert_eq!((file.connectivity, warnings), (expected.into(), Vec::new()));
        let (_, warnings) =
            read("connectivity: {lan: 'h:1'}\nmonitors: [{name: a, type: tcp, url: 'h:1', scope: wan}]\n");
        let expected = "scope: \"wan\" has no target, so a failure always counts: expected targets of that scope under connectivity";
        assert_eq!((warnings[0].line, warnings[0].text.as_str()), (2, expected));
    }
}
