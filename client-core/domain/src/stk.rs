//! What the result codes of an STK push mean (fact sheet §4.1).

/// What a result code says about a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The customer paid.
    Paid,
    /// The customer cancelled.
    Cancelled,
    /// It ended without money.
    Refused,
    /// It has not ended yet.
    Pending,
    /// Nobody documents this code, or it tells of another prompt: the question stays open.
    Unknown,
}

/// A few words for the cashier, in the two languages of the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub english: &'static str,
    /// Swahili.
    pub swahili: &'static str,
}

const fn words(english: &'static str, swahili: &'static str) -> Words {
    Words { english, swahili }
}

/// Every code anybody has reported, with what it means. Where seed B prints a message for a code, these
/// are its words.
const CODES: [(&str, Ending, Words); 21] = [
    ("0", Ending::Paid, words("Payment completed", "Malipo yamekamilika")),
    ("1", Ending::Refused, words("Insufficient balance", "Salio halitoshi")),
    (
        "2",
        Ending::Refused,
        words("The amount is below M-Pesa's minimum", "Kiasi ni chini ya kiwango cha M-Pesa"),
    ),
    ("3", Ending::Refused, words("The amount is above M-Pesa's limit", "Kiasi kimezidi kikomo cha M-Pesa")),
    (
        "4",
        Ending::Refused,
        words("The customer's daily M-Pesa limit is reached", "Mteja amefikia kikomo cha siku cha M-Pesa"),
    ),
    (
        "8",
        Ending::Refused,
        words(
            "The shop's M-Pesa account is full: tell head office",
            "Akaunti ya M-Pesa ya duka imejaa: julisha makao makuu",
        ),
    ),
    (
        "17",
        Ending::Unknown,
        words(
            "The same amount was asked of this customer less than two minutes ago: check that prompt first",
            "Mteja ameombwa kiasi hiki chini ya dakika mbili zilizopita: angalia ombi hilo kwanza",
        ),
    ),
    (
        "26",
        Ending::Unknown,
        words("M-Pesa is busy: it is not known yet", "M-Pesa ina shughuli nyingi: bado haijulikani"),
    ),
    (
        "1001",
        Ending::Unknown,
        words(
            "Another prompt is open on this phone: wait for it",
            "Kuna ombi lingine kwenye simu hii: lisubiri",
        ),
    ),
    ("1019", Ending::Refused, words("Payment timeout", "Muda wa malipo umeisha")),
    (
        "1025",
        Ending::Refused,
        words("The prompt could not be sent: try again", "Ombi halikutumwa: jaribu tena"),
    ),
    ("1032", Ending::Cancelled, words("Payment cancelled", "Mteja ameghairi malipo")),
    ("1036", Ending::Refused, words("Payment timeout", "Muda wa malipo umeisha")),
    ("1037", Ending::Refused, words("Payment timeout", "Simu haipatikani au mteja hakujibu")),
    ("2001", Ending::Refused, words("Wrong M-Pesa PIN", "PIN ya M-Pesa si sahihi")),
    (
        "2028",
        Ending::Refused,
        words(
            "The shop's number is set up wrong: till or paybill, store number. Tell head office",
            "Namba ya duka haijawekwa sawa. Julisha makao makuu",
        ),
    ),
    (
        "2029",
        Ending::Refused,
        words(
            "The shop's number is set up wrong: tell head office",
            "Namba ya duka haijawekwa sawa. Julisha makao makuu",
        ),
    ),
    ("4999", Ending::Pending, words("Waiting for the customer's PIN", "Inasubiri PIN ya mteja")),
    (
        "8006",
        Ending::Refused,
        words(
            "The customer's M-Pesa is locked: they call 100 or 200",
            "M-Pesa ya mteja imefungwa: apige 100 au 200",
        ),
    ),
    (
        "9999",
        Ending::Refused,
        words("The prompt could not be sent: try again", "Ombi halikutumwa: jaribu tena"),
    ),
    (
        "SFC_IC0003",
        Ending::Refused,
        words(
            "The shop's number is set up wrong: till or paybill, store number. Tell head office",
            "Namba ya duka haijawekwa sawa. Julisha makao makuu",
        ),
    ),
];

const UNKNOWN: Words =
    words("M-Pesa gave no clear answer: it is not known yet", "M-Pesa haijajibu wazi: bado haijulikani");

impl Ending {
    /// What a result code means.
    pub fn of_code(code: &str) -> Self {
        find(code).map_or(Self::Unknown, |(_, ending, _)| *ending)
    }

    /// Whether nothing more comes, as far as the code tells. A success may still follow a refusal, and
    /// lands on its sale all the same.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Paid | Self::Cancelled | Self::Refused)
    }
}

impl Words {
    /// The words for a result code.
    pub fn of_code(code: &str) -> Self {
        find(code).map_or(UNKNOWN, |(_, _, words)| *words)
    }
}

fn find(code: &str) -> Option<&'static (&'static str, Ending, Words)> {
    CODES.iter().find(|(known, ..)| *known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_nobody_documents_leaves_the_question_open() {
        for code in ["", "5", "00", "C2B00011", "sfc_ic0003"] {
            assert_eq!(Ending::of_code(code), Ending::Unknown, "{code}");
            assert_eq!(Words::of_code(code), UNKNOWN);
        }
    }

    #[test]
    fn pending_and_the_codes_of_another_prompt_are_never_final() {
        for code in ["4999", "17", "26", "1001"] {
            assert!(!Ending::of_code(code).is_final(), "{code}");
        }
        for code in ["0", "1", "1019", "1032", "1037", "2001", "8006", "SFC_IC0003"] {
            assert!(Ending::of_code(code).is_final(), "{code}");
        }
    }

    #[test]
    fn every_code_has_words_in_both_languages_and_is_listed_once() {
        for (code, _, words) in &CODES {
            assert!(words.english != words.swahili && !words.swahili.is_empty(), "{code}");
            assert_eq!(CODES.iter().filter(|(other, ..)| other == code).count(), 1, "{code}");
        }
    }
}
