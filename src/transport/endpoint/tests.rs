use super::path::decode;
use super::*;
use crate::error::ErrorKind;

/// The documentation's two tables are the tests' tables.
const FORMS: &str = include_str!("forms.md");

/// The rows of a table, found by a word of its head; cells without the signs of code.
fn rows(head: &str, columns: usize) -> Vec<Vec<&'static str>> {
    let lines = FORMS.lines().skip_while(|line| !line.contains(head)).skip(2);
    let cells = |line: &'static str| {
        let inner = line.strip_prefix('|').unwrap().strip_suffix('|').unwrap();
        inner.split('|').map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>()
    };
    let rows: Vec<_> = lines.take_while(|line| line.starts_with('|')).map(cells).collect();
    assert!(rows.len() > 30 && rows.iter().all(|row| row.len() == columns), "{rows:#?}");
    rows
}

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn fails(text: &str) -> String {
    let error = Endpoint::parse(text).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Config);
    format!("{error}")
}

#[test]
fn every_form_a_user_can_paste_is_understood() {
    for row in rows("A call goes to", 4) {
        let [pasted, url, deployment, version] = row[..] else { panic!("{row:?}") };
        let endpoint = endpoint(&format!(" {pasted}\n"));
        let of_the_text = endpoint.api_version().cloned();
        let got = endpoint.url(&of_the_text.clone().unwrap_or_default(), Some("d"), &["chat", "completions"]).unwrap();
        assert_eq!(got.as_str(), url, "{pasted}");
        assert_eq!(endpoint.deployment().unwrap_or_default(), deployment, "{pasted}");
        assert_eq!(of_the_text.as_ref().map_or("", ApiVersion::as_str), version, "{pasted}");

        let again = self::endpoint(endpoint.as_str());
        assert_eq!(
            (again.as_str(), &again.base, again.is_compatible),
            (endpoint.as_str(), &endpoint.base, endpoint.is_compatible)
        );
    }
}

#[test]
fn what_is_refused_is_refused_by_this_text() {
    for row in rows("| Pasted | Error |", 2) {
        let [pasted, error] = row[..] else { panic!("{row:?}") };
        assert_eq!(fails(&format!("\t{pasted} ")), error, "{pasted}");
    }
    for blank in ["", "  ", "\n"] {
        assert_eq!(fails(blank), "the endpoint is empty; use the form https://{resource}.openai.azure.com");
    }
    assert!(fails("`https://r.openai.azure.com`").contains("has quotes"));
    for (text, shown) in [
        ("https://r.openai.azure.com|", "'|'"),
        ("\u{feff}https://r.openai.azure.com", r"'\u{feff}'"),
        ("https://r.open\u{200b}ai.azure.com", r"'\u{200b}'"),
        ("https://r.openai.\nazure.com", r"'\n'"),
    ] {
        assert!(fails(text).contains(&format!("has {shown} in it, which no address has")), "{text:?}");
    }
}

/// A canary in every position of every form, after each separator under which something may have been copied along.
#[test]
fn no_error_repeats_what_was_not_understood() {
    const SEPARATORS: [&str; 16] =
        [";Key=", ";", " ", "\n", "\t", "?key=", "?", "&sig=", "#", "/", "\\", "@", "\"", "<", ":", "?api-version="];
    let (mut refused, mut accepted) = (0, 0);
    for row in rows("A call goes to", 4).iter().chain(&rows("| Pasted | Error |", 2)) {
        let pasted = row[0];
        for (at, _) in pasted.char_indices().chain([(pasted.len(), ' ')]) {
            for separator in SEPARATORS {
                let text = format!("{}{separator}CANARY9{}", &pasted[..at], &pasted[at..]);
                // here it begins a host's name, which may be shown
                if text.contains("://CANARY9") || text.trim_start_matches([' ', '\n', '\t', '/']).starts_with("CANARY9")
                {
                    continue;
                }
                match Endpoint::parse(&text) {
                    Err(error) => {
                        refused += 1;
                        let shown = format!("{error} {error:?}").to_ascii_lowercase();
                        assert!(!shown.contains("canary9"), "{text}: {error}");
                    }
                    Ok(endpoint) => {
                        accepted += 1;
                        // a gateway's prefix or a deployment of this name; `..` after it takes it away
                        let kept = format!("{endpoint} {:?}", endpoint.deployment()).contains("CANARY9");
                        assert!(!kept || matches!(separator, "/" | ":"), "{text} became {endpoint}");
                    }
                }
            }
        }
    }
    assert!(refused > 20_000 && accepted > 100, "{refused} and {accepted}");
}

#[test]
fn a_key_in_place_of_the_address_is_not_repeated() {
    for key in [
        "0123456789abcdef0123456789abcdef",
        "A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8I9j0AbCd",
        "sk-proj-canary",
        "eyJ0eXAi.eyJhdWQi.c2ln",
        "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
    ] {
        assert!(fails(key).starts_with("the endpoint looks like a key or a token: "), "{key}");
    }
    assert!(fails("contoso-openai-production-2").contains("use https://contoso-openai-production-2.openai.azure.com"));
}

#[test]
fn a_host_is_a_host_name() {
    let long = "a".repeat(64);
    let deep = "a.".repeat(130);
    for host in [
        "-a.net",
        "a-.net",
        "a..net",
        ".a.net",
        "a!b.net",
        "a(b).net",
        "a*b",
        "a,b",
        "a=b",
        &long,
        &format!("{deep}net"),
    ] {
        let error = fails(&format!("https://{host}"));
        assert!(error.contains("host name") || error.contains("not a URL"), "{host}: {error}");
    }
    for host in
        ["a", "a-b", "a_b.c", "1a.net", "a.net.", "xn--bcher-kva.example", "1.2.3.4", "[2001:db8::1]:8443", &long[1..]]
    {
        assert!(endpoint(&format!("https://{host}")).as_str().ends_with(host), "{host}");
    }
    assert!(fails("https://gw.contoso.net:0").contains("port is 0"));
    assert!(fails("https://gw.contoso.net:65536").contains("invalid port number"));
    assert!(fails("https://[::]").contains("[::1]"));
    for host in ["eastus2.models.ai.azure.us", "x.inference.ml.azure.com", "models.inference.ai.azure.com"] {
        assert!(fails(&format!("https://{host}")).contains("serverless"), "{host}");
    }
    // these only end alike
    for host in ["mymodels.ai.azure.com", "models.ai.azure.com.contoso.net", "notopenai.azure.com"] {
        assert_eq!(endpoint(&format!("https://{host}")).as_str(), format!("https://{host}"));
    }
}

#[test]
fn plain_http_to_another_machine_is_for_those_who_allow_it() {
    for host in ["r.openai.azure.com", "localhost.example.com", "128.0.0.1", "[::2]:8080", "10.0.0.1", "gw"] {
        let text = format!("http://{host}");
        assert!(fails(&text).contains(".allow_plain_http()"), "{host}");
        let endpoint = Endpoint::read(&text).unwrap();
        assert!(endpoint.is_exposed() && !endpoint.is_loopback(), "{host}");
    }
    for host in ["127.0.0.1:1", "localhost", "[::1]"] {
        assert!(!endpoint(&format!("http://{host}")).is_exposed());
    }
    assert!(!endpoint("https://gw").is_exposed());
}

#[test]
fn both_routes_are_built_from_any_base() {
    for (base, version, path) in [
        ("", "2024-10-21", "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
        ("", "v1", "/openai/v1/chat/completions"),
        ("", "preview", "/openai/v1/chat/completions?api-version=preview"),
        ("/aoai", "2024-10-21", "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
    ] {
        let base = format!("https://gw.contoso.net{base}");
        let endpoint = endpoint(&format!("{base}/openai/deployments/other"));
        let url = endpoint.url(&ApiVersion::from(version), Some("gpt"), &["chat", "completions"]).unwrap();
        assert_eq!(url.as_str(), format!("{base}{path}"));
    }
}

#[test]
fn an_openai_compatible_base_takes_no_api_version() {
    let endpoint = endpoint("https://gw.contoso.net/v1");
    assert!(endpoint.check_route(&ApiVersion::V1).is_ok());
    for version in [ApiVersion::V2024_10_21, ApiVersion::V1_PREVIEW] {
        let error = endpoint.check_route(&version).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the endpoint https://gw.contoso.net/v1 is an OpenAI-compatible base, which takes no api version, and the \
                 api version {version} is set; leave it out, set v1 for this backend, or use the gateway's address for \
                 Azure OpenAI"
            )
        );
        assert!(self::endpoint("https://gw.contoso.net/openai/v1").check_route(&version).is_ok());
    }
}

#[test]
fn a_deployment_never_leaves_its_segment() {
    let endpoint = endpoint("https://r.openai.azure.com");
    let version = ApiVersion::from("2024-10-21");
    for name in ["a b", "a?b", "a#b", "a%2Fb", "%2e%2e", "ü", "a;b", "...", "a&api-version=1", "a:b@c"] {
        let url = endpoint.url(&version, Some(name), &["chat", "completions"]).unwrap();
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        assert_eq!(segments.len(), 5, "{url}");
        assert_eq!([segments[1], segments[3], segments[4]], ["deployments", "chat", "completions"]);
        assert_eq!(decode(segments[2]).unwrap(), name);
        assert_eq!(url.query(), Some("api-version=2024-10-21"));
    }
    for name in ["", " ", ".", "..", "a/b", "../x", "a\\b", "a\nb", "a\0"] {
        for version in [&version, &ApiVersion::V1] {
            let error = endpoint.url(version, Some(name), &["chat", "completions"]).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        }
    }
}

#[test]
fn the_scope_follows_route_and_cloud() {
    for (host, domain) in [
        ("r.openai.azure.com", "com"),
        ("r.openai.azure.us", "us"),
        ("r.openai.azure.cn", "cn"),
        ("gw.contoso.net", "com"),
        ("evilazure.us", "com"),
    ] {
        let endpoint = endpoint(&format!("https://{host}"));
        let scope = endpoint.scope(&ApiVersion::from("2024-10-21"));
        assert_eq!(scope, format!("https://cognitiveservices.azure.{domain}/.default"));
        assert_eq!(endpoint.scope(&ApiVersion::V1), format!("https://ai.azure.{domain}/.default"));
    }
}
