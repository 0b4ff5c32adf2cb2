//! The command line from outside: what is printed where, and the exit code.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

fn imalive(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imalive"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    said(imalive(arguments, variables).output().unwrap())
}

fn said(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_goes_to_stdout() {
    for arguments in [&["--help"][..], &["-h"], &["once", "--help"]] {
        let (code, out, err) = run(arguments, &[]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("Usage: imalive [COMMAND]") && out.contains("  WAIT_TIME "), "{out}");
    }
}

#[test]
fn help_needs_no_configuration() {
    assert_eq!(run(&["--help"], &[("LISTEN_PORT", "x")]).0, 0);
    assert_eq!(run(&["--version"], &[("LISTEN_PORT", "x")]).0, 0);
}

#[test]
fn the_version_names_commit_and_target() {
    let (code, out, err) = run(&["--version"], &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let rest = out.strip_prefix(concat!("imalive ", env!("CARGO_PKG_VERSION"), " (")).unwrap();
    let (commit, target) = rest.strip_suffix(")\n").unwrap().split_once(", ").unwrap();
    assert!(commit == "unknown" || commit.len() >= 7, "{commit}");
    assert!(target.contains("linux"), "{target}");
}

#[test]
fn arguments_that_are_not_understood_are_one_line_and_exit_2() {
    for arguments in [
        &["--nonsense"][..],
        &["nonsense"],
        &["check", "a.yml", "b.yml"],
        &["once", "--format", "xml"],
        &["once", "--format"],
        &["--format", "json"],
        &["healthcheck", "http://127.0.0.1:1/", "http://127.0.0.1:1/"],
    ] {
        let (code, out, err) = run(arguments, &[]);
        assert_eq!((code, out.as_str(), err.lines().count()), (2, "", 1), "{arguments:?} {err}");
        assert!(err.starts_with("imalive: "), "{err}");
    }
}

#[test]
fn a_bad_variable_is_one_line_and_exit_78() {
    for arguments in [&["check"][..], &["once"], &["healthcheck"], &[]] {
        let (code, out, err) = run(arguments, &[("LISTEN_PORT", "abc")]);
        let expected = "imalive: LISTEN_PORT: \"abc\" is not a port: expected a number from 0 to 65535\n";
        assert_eq!((code, out.as_str(), err.as_str()), (78, "", expected));
    }
}

#[test]
fn a_variable_that_is_not_text_is_refused() {
    let output = imalive(&["check"], &[]).env("LOG_FORMAT", OsStr::from_bytes(b"js\xffn")).output().unwrap();
    let (code, _, err) = said(output);
    assert_eq!(code, 78);
    assert!(err.ends_with("is not UTF-8 text: expected text, json or journal\n"), "{err}");
}

#[test]
fn check_prints_what_is_in_effect() {
    let (code, out, err) = run(&["check"], &[("IMALIVE_NODE_NAME", "pi"), ("WAIT_TIME", "30"), ("LOG_FORMAT", "")]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("LISTEN_ADDR=0.0.0.0\nLISTEN_PORT=8080\nIMALIVE_NODE_NAME=pi\nWAIT_TIME=30\n"), "{out}");
}

const SLIP: (&str, &str) = ("IMALIVE_NODENAME", "pi");
const TOLD: &str = "IMALIVE_NODENAME is set, but imalive knows no such variable";

#[test]
fn a_slip_in_our_own_prefix_is_told_with_its_time() {
    let (code, _, err) = run(&["check"], &[SLIP]);
    assert_eq!(code, 0);
    let (time, text) = err.strip_prefix("WARN  [").unwrap().split_once("] ").unwrap();
    assert_eq!((time.len(), &time[..2], text), (26, "20", &*format!("{TOLD}\n")));
}

#[test]
fn diagnostics_below_the_level_are_not_written() {
    assert_eq!(run(&["check"], &[SLIP, ("LOG_LEVEL", "error")]).2, "");
}

#[test]
fn diagnostics_are_json_where_that_is_asked_for() {
    let (_, _, err) = run(&["check"], &[SLIP, ("LOG_FORMAT", "json"), ("IMALIVE_NODE_NAME", "pi")]);
    assert!(err.starts_with(&format!("{{\"body\":\"{TOLD}\",\"level\":\"WARN\",\"time\":\"20")), "{err}");
    assert!(err.contains("\",\"node\":\"pi\",\"cid\":\"") && err.ends_with("\"}\n"), "{err}");
}

#[test]
fn the_priority_is_for_the_journal_only() {
    let stderr_of = |variable: (&str, &str), inode_off_by: u64| {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let stat = rustix::fs::fstat(&theirs).unwrap();
        let stream = format!("{}:{}", stat.st_dev, stat.st_ino + inode_off_by);
        let mut command = imalive(&["check"], &[variable, ("JOURNAL_STREAM", &stream)]);
        command.stdout(Stdio::null()).stderr(OwnedFd::from(theirs)).status().unwrap();
        drop(command);
        let mut text = String::new();
        ours.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(stderr_of(SLIP, 0), format!("<4>WARN  [imalive] {TOLD}\n"));
    assert!(stderr_of(SLIP, 1).starts_with("WARN  [20"));
    // What ends it too: `journalctl -p err` has the reason.
    let bad = ("LISTEN_PORT", "eighty");
    assert!(stderr_of(bad, 0).starts_with("<3>imalive: LISTEN_PORT: "));
    assert!(stderr_of(bad, 1).starts_with("imalive: LISTEN_PORT: "));
}

/// Exit code of `check` with a diagnostic for `stderr`.
fn check_with_stderr(stderr: impl Into<Stdio>) -> Option<i32> {
    imalive(&["check"], &[SLIP]).stdout(Stdio::null()).stderr(stderr).status().unwrap().code()
}

#[test]
fn a_stderr_that_fails_or_blocks_stops_nothing() {
    let full_disk = || File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(check_with_stderr(full_disk()), Some(0));

    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(check_with_stderr(closed), Some(0));

    let (_reader, blocked) = std::io::pipe().unwrap();
    rustix::fs::fcntl_setfl(blocked.as_fd(), rustix::fs::OFlags::NONBLOCK).unwrap();
    while (&blocked).write(&[b'x'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(blocked.as_fd(), rustix::fs::OFlags::empty()).unwrap();
    assert_eq!(check_with_stderr(blocked), Some(0));

    let (gone, closed) = UnixStream::pair().unwrap();
    drop(gone);
    assert_eq!(check_with_stderr(OwnedFd::from(closed)), Some(0));
}

#[test]
fn errors_have_their_exit_code_where_nobody_can_read_them() {
    let full_disk = File::options().write(true).open("/dev/full").unwrap();
    let status = imalive(&["check"], &[("LISTEN_PORT", "x")]).stderr(full_disk).status().unwrap();
    assert_eq!(status.code(), Some(78));
}

#[test]
fn a_stdout_that_takes_nothing_is_an_error_unless_its_reader_has_gone() {
    let full_disk = File::options().write(true).open("/dev/full").unwrap();
    let (code, _, err) = said(imalive(&["check"], &[]).stdout(full_disk).output().unwrap());
    assert_eq!((code, err.as_str()), (1, "imalive: No space left on device (os error 28)\n"));
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let (code, _, err) = said(imalive(&["--help"], &[]).stdout(closed).output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""));
}

#[cfg(feature = "monitors")]
mod monitors_file {
    use super::{imalive, run, said};
    use std::fs;
    use std::path::PathBuf;

    /// A directory with an `imalive.yml` in it, gone when the test is over.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str, text: &str) -> Self {
            let path = std::env::temp_dir().join(format!("imalive-cli-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("imalive.yml"), text).unwrap();
            Directory(path)
        }

        fn file(&self) -> String {
            self.0.join("imalive.yml").to_str().unwrap().into()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn check_says_what_was_understood_and_warns() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/original/imalive.yml");
        let (code, out, err) = run(&["check", file], &[]);
        assert_eq!(code, 0, "{err}");
        let first = "# web ok: http GET http://127.0.0.1:18191/ok.json, every 10s, timeout 30s, down after 3 failures 5s apart, \
            up after 1 success\n";
        assert!(out.starts_with("LISTEN_ADDR=") && out.contains(first), "{out}");
        assert!(out.contains("# web-bad-body: ") && !out.contains("secret") && !out.contains("alice"), "{out}");
        let expected = format!(
            "warning: {file}:35:10: url: \"nonsense\" is not an address, so every check fails: expected host:port\n"
        );
        assert!(err.starts_with(&expected), "{err}");
        assert!(err.lines().count() == 3 && err.lines().all(|line| line.starts_with("warning: ")), "{err}");
    }

    #[test]
    fn a_mistake_is_one_line_and_exit_78() {
        let directory = Directory::new("mistake", "monitors:\n  - name: x\n    timout: 5\n");
        let file = directory.file();
        let expected = format!("imalive: {file}:3:5: timout: unknown key: expected timeout, perhaps\n");
        assert_eq!(run(&["check", &file], &[]), (78, String::new(), expected.clone()));
        assert_eq!(run(&["check"], &[("IMALIVE_CONFIG", &file)]), (78, String::new(), expected));
        let found = said(imalive(&["check"], &[]).current_dir(&directory.0).output().unwrap());
        assert_eq!(found.2, "imalive: ./imalive.yml:3:5: timout: unknown key: expected timeout, perhaps\n");
    }

    #[test]
    fn a_file_that_is_asked_for_has_to_be_there() {
        let expected = (78, String::new(), "imalive: read /nowhere.yml: there is no such file\n".to_owned());
        assert_eq!(run(&["check", "/nowhere.yml"], &[]), expected);
        assert_eq!(run(&["check"], &[("IMALIVE_CONFIG", "/nowhere.yml")]), expected);
        let (code, out, _) = run(&["check", "/dev/null"], &[("IMALIVE_CONFIG", "/nowhere.yml")]);
        assert_eq!(code, 0);
        assert!(out.contains("IMALIVE_CONFIG=/nowhere.yml\n") && out.contains("# /dev/null: 0 monitors"), "{out}");
    }

    #[test]
    fn secrets_come_from_the_environment_and_from_files() {
        let directory = Directory::new("secrets", "");
        fs::write(directory.0.join("password"), "geheim-file\n").unwrap();
        let text = "monitors:\n- name: x\n  type: http\n  url: http://h/?t=${TOKEN}\n  username: ${TOKEN}\n  \
            password_file: ${CREDENTIALS_DIRECTORY}/password\n";
        fs::write(directory.file(), text).unwrap();
        let path = directory.0.to_str().unwrap();
        let variables = [("TOKEN", "geheim-variable"), ("CREDENTIALS_DIRECTORY", path)];
        let (code, out, err) = run(&["check", &directory.file()], &variables);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("http://h/?t=${TOKEN}, every") && !out.contains("geheim"), "{out}");
        let (code, _, err) = run(&["check", &directory.file()], &variables[..1]);
        let expected =
            "6:18: password_file: ${CREDENTIALS_DIRECTORY} is not set: expected a variable of the environment\n";
        assert!(code == 78 && err.ends_with(expected), "{err}");
    }
}

#[cfg(feature = "otlp")]
mod telemetry {
    use super::run;

    #[test]
    fn check_says_where_telemetry_is_sent_and_warns() {
        let (code, out, err) = run(
            &["check"],
            &[
                ("IMALIVE_NODE_NAME", "pi"),
                ("OTEL_COLLECTOR_ENDPOINT", "collector:4317"),
                ("OTEL_COLLECTOR_USERNAME", "alice"),
                ("OTEL_COLLECTOR_PASSWORD", "geheim"),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ],
        );
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("\nOTEL_COLLECTOR_PASSWORD=***\n") && !out.contains("geheim"), "{out}");
        assert!(out.contains("\n# OpenTelemetry: service imalive-pi, metrics every 60000 ms\n"), "{out}");
        let line = "\n# logs: grpc to http://collector:4317, within 10000 ms, with authorization\n";
        assert!(out.contains(line), "{out}");
        let expected = "warning: OTEL_COLLECTOR_PASSWORD is sent unencrypted: expected TLS, such as \
            OTEL_COLLECTOR_TLS_CHECK=yes\nwarning: OTEL_EXPORTER_OTLP_TIMEOUT: \"10s\" is not a time in milliseconds: \
            expected a number from 0 (no limit) to 2147483647; it counts as unset\n";
        let mut lines: Vec<_> = err.lines().collect();
        lines.sort();
        assert_eq!(lines, expected.lines().collect::<Vec<_>>());
    }

    #[test]
    fn check_says_why_nothing_is_sent() {
        let disabled = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_SDK_DISABLED", "true")];
        assert!(
            run(&["check"], &disabled).1.contains("\n# OpenTelemetry: nothing is sent, as OTEL_SDK_DISABLED is true\n")
        );
        let (code, out, err) = run(&["check"], &[]);
        assert!(out.contains("\n# OpenTelemetry: nothing is sent, as no endpoint is set\n"), "{out}");
        assert_eq!((code, err.as_str()), (0, ""));
    }

    #[test]
    fn a_bad_endpoint_or_secret_file_is_one_line_and_exit_78() {
        let (code, out, err) = run(&["check"], &[("OTEL_COLLECTOR_ENDPOINT", "collector")]);
        let expected = "imalive: OTEL_COLLECTOR_ENDPOINT: \"collector\" is not the address of a collector: expected host:port, \
            http://host:port or https://host:port\n";
        assert_eq!((code, out.as_str(), err.as_str()), (78, "", expected));
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        let (code, out, err) = run(&["check"], &[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS_FILE", "/nowhere")]);
        let expected = "imalive: OTEL_EXPORTER_OTLP_HEADERS_FILE: \"/nowhere\" cannot be read: expected a file (";
        assert!(code == 78 && out.is_empty() && err.starts_with(expected) && err.lines().count() == 1, "{err}");
    }

    #[test]
    fn a_slip_in_the_name_of_an_endpoint_is_told() {
        let (code, _, err) = run(&["check"], &[("OTEL_EXPORTER_OTLP_ENDPIONT", "http://c:4318")]);
        assert_eq!(code, 0);
        assert!(err.ends_with("OTEL_EXPORTER_OTLP_ENDPIONT is set, but imalive knows no such variable\n"), "{err}");
    }
}

#[test]
fn healthcheck_asks_where_the_agent_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let answers = ["{\"status\":\"ok\",\"alive\":true}", "{\"status\":\"ko\",\"alive\":true}"];
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = client.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /v1/health HTTP/1.1\r\n"));
            write!(client, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).unwrap();
        }
    });
    let ask = || run(&["healthcheck"], &[("LISTEN_PORT", &port)]);
    assert_eq!(ask(), (0, String::new(), String::new()));
    let url = format!("http://127.0.0.1:{port}/v1/health");
    assert_eq!(ask(), (1, String::new(), format!("imalive: {url}: not alive: its status is \"ko\"\n")));
    server.join().unwrap();
    let refused = format!("imalive: {url}: connect to 127.0.0.1:{port}: Connection refused (os error 111)\n");
    assert_eq!(ask(), (1, String::new(), refused));
}

#[test]
fn once_prints_a_reading_in_each_form_and_no_empty_line() {
    for (form, start) in [("text", "["), ("json", "{\"status\":\"ok\""), ("prom", "# HELP cpu_all ")] {
        let (code, out, err) = run(&["once", "--format", form], &[]);
        assert_eq!((code, err.as_str()), (0, ""), "{form}");
        assert!(out.starts_with(start) && out.ends_with('\n') && !out.ends_with("\n\n"), "{form}: {out:?}");
    }
}

#[test]
fn a_url_that_cannot_be_asked_is_one_line_and_exit_1_as_docker_reserves_2() {
    for url in ["https://127.0.0.1/", "nonsense"] {
        let (code, out, err) = run(&["healthcheck", url], &[]);
        assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{url}");
    }
}
