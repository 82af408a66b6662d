//! Takes secrets out of an issuer's text.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

const REDACTED: &str = "[redacted]";

/// How often a text is decoded to look for a secret: an issuer may echo the encoded form of a
/// request, and a proxy may encode it once more.
const ROUNDS: usize = 3;

/// Returns `text` without `secrets`. If a secret is in the text in a form-encoded or
/// percent-encoded form, the whole text is replaced, because that form has many spellings.
pub(crate) fn redacted(text: &str, secrets: &[&str]) -> String {
    let secrets = || secrets.iter().filter(|secret| !secret.is_empty());
    let plain = secrets().fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED));
    let mut decoded = Cow::Borrowed(plain.as_str());
    for _ in 0..ROUNDS {
        let spaces = decoded.replace('+', " ");
        let once = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let forms = [once(&decoded), once(&spaces)];
        if secrets().any(|secret| forms.iter().any(|form| form.contains(secret))) {
            return REDACTED.to_owned();
        }
        let [percent, _] = forms;
        decoded = Cow::Owned(percent);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a-secret+that/nobody=may&see, 100%";

    fn form(text: &str) -> String {
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
    }

    #[test]
    fn a_secret_is_taken_out_and_the_rest_stays() {
        assert_eq!(redacted(&format!("no: {SECRET}!"), &["", SECRET]), "no: [redacted]!");
        assert_eq!(redacted("100% wrong+bad %zz", &[SECRET]), "100% wrong+bad %zz");
        assert_eq!(redacted("anything", &[""]), "anything");
    }

    #[test]
    fn an_encoded_secret_takes_the_whole_text_with_it() {
        let percent: String = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let spaces = form(SECRET).replace('+', "%20");
        for echo in [
            form(SECRET),
            form(SECRET).to_lowercase(),
            form(&form(SECRET)),
            form(&form(&form(SECRET))),
            percent,
            spaces,
        ] {
            let text = redacted(&format!("client_id=x&client_secret={echo}&scope=y"), &[SECRET]);
            assert_eq!(text, REDACTED, "{echo}");
        }
    }
}
