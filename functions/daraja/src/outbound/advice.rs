//! What a refusal means, and what a person does about it.

use super::Refused;
use super::answer::{NO_PRODUCT, QUOTA, SPIKE_ARREST};

/// A refusal in plain words (fact sheet §1.5, §1.6, §1.9, §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// By what a refusal is known.
enum Sign {
    /// One of these words in the message, in lower case.
    Says(&'static [&'static str]),
    /// One of these codes.
    Code(&'static [&'static str]),
}
use Sign::{Code, Says};

impl Sign {
    fn fits(&self, refused: &Refused, text: &str) -> bool {
        match self {
            Says(words) => words.iter().any(|word| text.contains(word)),
            Code(codes) => codes.contains(&refused.code.as_str()),
        }
    }
}

/// The first sign that fits counts. Words come before codes that have several meanings.
const ADVICE: [(Sign, &str, &str); 25] = [
    (
        Code(&[NO_PRODUCT]),
        "The app does not hold this API product, or it holds the other version of it.",
        "Look under My Apps on the developer portal: add the product and wait for its approval; for C2B \
         set the version (v1 or v2) that the app holds.",
    ),
    (
        Code(&["no token"]),
        "Safaricom gave no token, so nothing was asked.",
        "Look at the network and try again.",
    ),
    (
        Code(&["400", "401", "400.003.01", "401.001", "401.002.01", "404.001.03"]),
        "Safaricom does not accept the app's consumer key and secret, or the token it gave for them.",
        "Check both, and that they are of this environment: sandbox keys do not open production, nor the \
         reverse. One app key belongs to one program.",
    ),
    (
        Code(&["400.008.01", "400.008.02"]),
        "The request for a token was not understood.",
        "Check the base URL: no blank and no path after it.",
    ),
    (
        Says(&["already registered"]),
        "This shortcode has its URLs; in production they are registered once.",
        "Delete them in the organisation portal under Self Services, URL Management (two managers \
         approve), then register again.",
    ),
    (
        Says(&["duplicate notification info"]),
        "The shortcode still has URLs at a former aggregator.",
        "Ask apisupport@safaricom.co.ke to delete the old URLs, then register again.",
    ),
    (
        Says(&[
            "url has the word",
            "invalid confirmationurl",
            "invalid validationurl",
            "invalid callbackurl",
        ]),
        "Safaricom does not like the URL.",
        "Use another host or path: no mpesa, safaricom, exe, exec, cmd, sql or query in it, HTTPS, no \
         query string.",
    ),
    (
        Says(&["merchant does not exist"]),
        "Nobody with this business number can send prompts here.",
        "Use the number that went live: the paybill, or the store or head-office number above a till, \
         with keys and passkey of the same environment.",
    ),
    (
        Says(&["wrong credentials"]),
        "Passkey, shortcode and time do not agree.",
        "Check that the passkey is that of the number which went live, in this environment, and that the \
         clock here is right.",
    ),
    (
        Says(&["unable to lock subscriber"]),
        "The customer's phone is busy with another M-PESA request, which may still be paid.",
        "See how the earlier request ended, then ask again after a minute.",
    ),
    (
        Says(&["does not exist", "no till is found"]),
        "Safaricom does not know the number or the request.",
        "Check the number. A request that was just made is sometimes known only after half a minute.",
    ),
    (
        Code(&["409"]),
        "This shortcode can not take URLs, or holds some that are in the way.",
        "In the sandbox use another 600xxx shortcode (174379 is for prompts only); in production delete \
         the old URLs under Self Services, URL Management.",
    ),
    (
        Code(&["404.001.01", "404.001.04", "404.003.01", "405.001", "404", "405"]),
        "There is nothing at this address, or not in this way.",
        "Check the environment's base URL, and for C2B the version.",
    ),
    (
        Code(&["400.001"]),
        "The shortcode is not one that this app may pull.",
        "Use the number customers pay to, and register it for Pull Transactions first.",
    ),
    (
        Code(&["400.002.02", "400.002.05", "400.003.02", "25"]),
        "Safaricom does not accept a field of the request; its message names it.",
        "Correct that setting; the same request will be refused again.",
    ),
    (
        Code(&[QUOTA]),
        "The app's quota is used up.",
        "Wait; if it happens again, ask apisupport@safaricom.co.ke for a larger quota.",
    ),
    (
        Code(&[SPIKE_ARREST, "429"]),
        "Too much was asked of Safaricom at once, or it is busy.",
        "Wait a minute and try again.",
    ),
    (
        Code(&["21"]),
        "The API user lacks the role for this.",
        "In the organisation portal give it the role: Transaction Status query ORG API, Balance Query ORG \
         API, or Org Reversals Initiator.",
    ),
    (
        Code(&["2001"]),
        "Name or password of the API user are wrong, or the password was sealed for the other environment.",
        "Check the initiator, its password (it expires after 90 days) and the certificate of this \
         environment.",
    ),
    (
        Code(&["8006"]),
        "The API user's credential is locked.",
        "Unlock it in the organisation portal, or set a new password.",
    ),
    (Code(&["R000001"]), "This payment was reversed before.", "There is nothing more to do."),
    (
        Code(&["R000002"]),
        "Safaricom does not know this receipt.",
        "Check the receipt code, and that the payment went to this shortcode.",
    ),
    (Code(&["11"]), "The shortcode is not active.", "Ask Safaricom business care to activate it."),
    (
        Code(&["2006", "2028"]),
        "The shortcode's account or product does not allow this.",
        "Ask apisupport@safaricom.co.ke which products the shortcode holds.",
    ),
    (
        Code(&["500.002.1001"]),
        "Safaricom has a request with this id already.",
        "Look at how the earlier one ended.",
    ),
];

impl Refused {
    /// What it means and what to do, for a person who sets Leja up or runs it.
    pub fn advice(&self) -> Advice {
        let text = self.message.to_ascii_lowercase();
        let known = ADVICE.iter().find(|(sign, ..)| sign.fits(self, &text));
        known.map_or(
            Advice {
                meaning: "Safaricom refused without a reason that is known here.",
                remedy: "Look the code up on the developer portal, or send it to apisupport@safaricom.co.ke.",
            },
            |(_, meaning, remedy)| Advice { meaning, remedy },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(code: &str, message: &str) -> &'static str {
        Refused { code: code.to_owned(), message: message.to_owned() }.advice().remedy
    }

    #[test]
    fn one_code_of_many_meanings_is_told_apart_by_its_words() {
        let code = "500.001.1001";
        assert!(remedy(code, "Merchant does not exist").contains("went live"));
        assert!(remedy(code, "[MerchantValidate] - Wrong credentials").contains("passkey"));
        assert!(remedy(code, "Unable to lock subscriber, a transaction is in process").contains("minute"));
        assert!(remedy(code, "The transaction does not Exist").contains("half a minute"));
        assert!(remedy("500.003.1001", "URLs are already registered").contains("URL Management"));
        assert!(remedy("500.003.1001", "Duplicate notification info, SP ID 1").contains("apisupport"));
    }

    #[test]
    fn codes_say_what_to_set_right() {
        let product = "Error Occurred - Invalid Access Token - no apiproduct match found";
        for (code, message, word) in [
            ("401.003.01", product, "My Apps"),
            ("401", "HTTP status 401 without a word", "environment"),
            ("400", "", "environment"),
            ("404.001.03", "Invalid Access Token", "environment"),
            ("404.001.01", "Resource not found", "base URL"),
            ("400.008.02", "Invalid grant type", "base URL"),
            ("400.003.02", "Bad Request - Invalid ValidationURL - URL has the word MPESA", "host or path"),
            ("400.002.02", "Bad Request - Invalid Amount", "Correct that setting"),
            ("400.001", "invalid ShortCode", "Pull Transactions"),
            ("409", "Execution of ServiceCallout SCO-AddURLVault failed", "600xxx"),
            ("500.003.02", "System is busy", "Wait a minute"),
            ("500.003.03", "", "quota"),
            ("21", "", "role"),
            ("2001", "", "90 days"),
            ("R000002", "", "receipt code"),
            ("777", "what", "Look the code up"),
        ] {
            assert!(remedy(code, message).contains(word), "{code} {message}: {}", remedy(code, message));
        }
    }
}
