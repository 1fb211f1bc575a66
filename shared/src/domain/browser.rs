/// How the programs of search engines and other robots describe themselves, in lower case.
const ROBOTS: [&str; 5] = ["bot/", "bot;", "crawler", "spider", "+http"];

/// A browser also names browsers below it: Edge, for example, names Chrome and Safari. On iOS, most have another
/// token.
const BROWSERS: [(&[&str], &str); 6] = [
    (&["Edg/", "EdgA/", "EdgiOS/", "Edge/"], "Edge"),
    (&["OPR/", "OPT/", "OPiOS/", "Opera/"], "Opera"),
    (&["SamsungBrowser/"], "Samsung Internet"),
    (&["Firefox/", "FxiOS/"], "Firefox"),
    (&["Chrome/", "CriOS/"], "Chrome"),
    (&["Safari/"], "Safari"),
];

/// Android also names Linux.
const SYSTEMS: [(&[&str], &str); 7] = [
    (&["iPhone"], "iPhone"),
    (&["iPad"], "iPad"),
    (&["Android"], "Android"),
    (&["CrOS"], "ChromeOS"),
    (&["Windows"], "Windows"),
    (&["Macintosh"], "macOS"),
    (&["Linux"], "Linux"),
];

/// Returns the browser and the system that a `User-Agent` names, such as `Firefox on Windows`, or `None` if it names no
/// known one or belongs to a robot.
///
/// The client chooses the text of its `User-Agent`. A mail shows only words from these lists, so that no client can put
/// its own words or a link into a mail.
#[must_use]
pub fn browser(user_agent: &str) -> Option<String> {
    let lower_case = user_agent.to_ascii_lowercase();
    if ROBOTS.iter().any(|robot| lower_case.contains(robot)) {
        return None;
    }
    match (first_named(&BROWSERS, user_agent), first_named(&SYSTEMS, user_agent)) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// Returns the name of the first entry with a token that the text contains.
fn first_named(list: &[(&[&str], &'static str)], text: &str) -> Option<&'static str> {
    list.iter().find(|(tokens, _)| tokens.iter().any(|token| text.contains(token))).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
    const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
    const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
    const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64)";
    const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K)";
    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)";
    const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X)";
    const CHROMEBOOK: &str = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)";

    #[test]
    fn a_browser_is_known_by_its_own_token_and_not_by_those_that_it_imitates() {
        let cases = [
            (WINDOWS, "Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
            (WINDOWS, "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
            (WINDOWS, "Chrome/64.0 Safari/537.36 Edge/17.17134", "Edge on Windows"),
            (WINDOWS, "Chrome/140.0.0.0 Safari/537.36 OPR/122.0.0.0", "Opera on Windows"),
            (WINDOWS, "Gecko/20100101 Firefox/143.0", "Firefox on Windows"),
            (MAC, "Version/18.5 Safari/605.1.15", "Safari on macOS"),
            (LINUX, "Gecko/20100101 Firefox/143.0", "Firefox on Linux"),
            (LINUX, "HeadlessChrome/140.0.0.0 Safari/537.36", "Chrome on Linux"),
            (CHROMEBOOK, "Chrome/140.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
            (ANDROID, "Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
            (ANDROID, "Chrome/140.0.0.0 Mobile Safari/537.36 EdgA/140.0.0.0", "Edge on Android"),
            (ANDROID, "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Samsung Internet on Android"),
            ("Mozilla/5.0 (Android 15; Mobile; rv:143.0)", "Gecko/143.0 Firefox/143.0", "Firefox on Android"),
            (IPHONE, "Version/18.5 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
            (IPHONE, "CriOS/140.0.0.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
            (IPHONE, "Version/18.0 EdgiOS/140.0.0.0 Mobile/15E148 Safari/604.1", "Edge on iPhone"),
            (IPHONE, "FxiOS/143.0 Mobile/15E148 Safari/605.1.15", "Firefox on iPhone"),
            (IPHONE, "Version/18.5 Mobile/15E148 Safari/604.1 OPT/6.0.0", "Opera on iPhone"),
            (IPAD, "CriOS/140.0.0.0 Mobile/15E148 Safari/604.1", "Chrome on iPad"),
        ];
        for (system, products, expected) in cases {
            let user_agent = format!("{system} {WEBKIT} {products}");
            assert_eq!(browser(&user_agent).as_deref(), Some(expected), "{user_agent}");
        }
    }

    #[test]
    fn an_app_shows_the_system_alone() {
        let web_view = format!("{IPHONE} {WEBKIT} Mobile/15E148");
        assert_eq!(browser(&web_view).as_deref(), Some("iPhone"));
        assert_eq!(browser("Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9)").as_deref(), Some("Android"));
    }

    #[test]
    fn programs_and_robots_are_not_shown() {
        let googlebot =
            format!("{ANDROID} {WEBKIT} Chrome/140.0.0.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)");
        let programs =
            ["", "curl/8.14.1", "okhttp/5.1.0", "python-requests/2.32.5", "PostmanRuntime/7.46.0", &googlebot];
        for user_agent in programs {
            assert_eq!(browser(user_agent), None, "{user_agent}");
        }
    }

    #[test]
    fn no_word_of_a_hostile_client_is_shown() {
        // FLT-02
        let hostile = [
            ("Visit https://evil.example/win now", None),
            ("https://evil.example/Firefox/1 Windows <b>call +41 44 668 18 00</b>", Some("Firefox on Windows")),
            ("Chrome/evil.example (Linux; \"onclick=\u{202e}moc.live\")", Some("Chrome on Linux")),
            ("Safari/<a href='https://evil.example'>Your account is locked</a>", Some("Safari")),
        ];
        for (user_agent, expected) in hostile {
            assert_eq!(browser(user_agent).as_deref(), expected, "{user_agent}");
        }
    }
}
