//! Phrases: what a description has no reason to say to a model.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::fold::{Word, spelling};
use super::{Rule, Severity};

/// The phrases that `words` hold: rule, severity, first and last word.
pub(super) fn matches(words: &[Word]) -> Vec<(Rule, Severity, Word, Word)> {
    let book = &*BOOK;
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some(starting) = word.id.and_then(|id| book.starting.get(&id)) else {
            continue;
        };
        for phrase in starting.iter().filter_map(|index| book.phrases.get(*index)) {
            if let Some(last) = phrase.end(words, at) {
                found.push((phrase.rule, phrase.severity, *word, last));
            }
        }
    }
    found
}

/// The number of a word in the vocabulary of all phrases.
pub(super) fn id(word: &str) -> Option<u16> {
    BOOK.vocabulary.get(word).copied()
}

/// Alternatives are separated by `|`, steps by a space. `~n`: up to n other words may come before
/// the next step.
const PHRASES: &[(Rule, Severity, &str)] = &[
    // What the person must not learn.
    (
        Rule::OrderToModel,
        Severity::High,
        concat!(
            "do|must|should|shall|can|will not ~3 tell|inform|mention|reveal|show|notify|alert|disclose|warn|say ",
            "~5 user|human|anyone|person|customer|operator"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::High,
        concat!(
            "dont|never|mustnt|shouldnt|cannot ~3 tell|inform|mention|reveal|show|notify|alert|disclose|warn|say ",
            "~5 user|human|anyone|person|customer|operator"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::High,
        concat!(
            "without ~1 telling|informing|mentioning|revealing|notifying|alerting|disclosing|warning ",
            "~3 user|users|human|anyone|person|customer|operator"
        ),
    ),
    (Rule::OrderToModel, Severity::Medium, "without ~1 asking ~3 user|human|person"),
    (
        Rule::OrderToModel,
        Severity::High,
        "not|dont|never ~1 mention|reveal|disclose|acknowledge ~1 this|these",
    ),
    (
        Rule::OrderToModel,
        Severity::High,
        "keep|hide|conceal ~5 from ~2 user|users|human|humans|person",
    ),
    (
        Rule::OrderToModel,
        Severity::High,
        "user|human|person ~1 must|should|need|does|will not ~2 know|see|notice|learn",
    ),
    (
        Rule::OrderToModel,
        Severity::High,
        "without ~3 user|users ~1 knowledge|consent|knowing|noticing|awareness",
    ),
    (Rule::OrderToModel, Severity::Medium, "secretly|covertly|surreptitiously|stealthily"),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "silently|quietly ~3 send|forward|call|invoke|read|run|execute|append|include|upload|copy|bcc|pass|post",
    ),
    // What else the model was told.
    (
        Rule::OrderToModel,
        Severity::High,
        concat!(
            "ignore|disregard|forget ~3 previous|prior|above|earlier|preceding|other|system|existing|your|safety|all ",
            "~3 instruction|instructions|prompt|prompts|rules|guidelines|directions|directives|guardrails|constraints"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "override|bypass|overrides|supersedes ~3 previous|prior|above|earlier|system|your|safety|other|all ",
            "~3 instruction|instructions|prompt|prompts|rules|guidelines|directives|guardrails"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "your ~1 new|real|true|actual|primary ~2 task|goal|instructions|purpose|objective|role|mission",
    ),
    (Rule::OrderToModel, Severity::Medium, "you are now"),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "system override|directive|directives|instruction|instructions",
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "instruction|instructions|note|message for|to the|all ~1 model|llm|ai|assistant|agent|agents",
    ),
    // What it is to do beside calling this tool.
    (
        Rule::OrderToModel,
        Severity::Low,
        concat!(
            "before|after|when|whenever|prior|time ~2 using|use|calling|call|invoking|invoke|running|run|executing ",
            "~1 this|any|the|other|another|all|every ~2 tool|tools|function|functions"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "before|prior ~2 using|use|calling|call|invoking|invoke|running|run|executing ",
            "~1 this|any|the|other|another|all|every ~2 tool|tools|function|functions ",
            "~1 you|read|send|first|always|access|open|fetch|include|load|pass|copy|forward|must"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Low,
        "must|always|should|shall ~1 call|use|invoke|run|execute ~4 before|first|prior|instead",
    ),
    (
        Rule::OrderToModel,
        Severity::Low,
        "must|always|should|shall ~1 be called|used|invoked|run ~2 before|first|prior|instead",
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "not|dont|never ~1 use|call|invoke|trust ~2 other|another|original|regular|default|builtin|standard ",
            "~2 tool|tools|version|versions|function"
        ),
    ),
    (Rule::OrderToModel, Severity::Low, "instead of ~4 tool|tools"),
    (
        Rule::OrderToModel,
        Severity::Low,
        "prefer|use ~2 this ~2 over ~3 tool|tools|others|alternatives",
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "all|every|any|each ~2 email|emails|message|messages|payment|payments|transfer|transfers|file|files ",
            "~2 must|should|shall|is|are ~3 sent|forwarded|routed|copied|redirected"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "also|then|always|first|additionally ~2 bcc|forward|exfiltrate|leak",
    ),
    (Rule::OrderToModel, Severity::Medium, "bcc ~4 all|every|each|copy|address"),
    // Secrets, by name.
    (
        Rule::MentionsSecret,
        Severity::Low,
        "private|secret|ssh|api|access|auth|bearer|session|encryption|signing key|keys|token|tokens|cookie|cookies",
    ),
    (
        Rule::MentionsSecret,
        Severity::Low,
        "password|passwords|passphrase|credential|credentials|secrets|apikey",
    ),
    (Rule::MentionsSecret, Severity::Low, "environment variable|variables"),
    (
        Rule::MentionsSecret,
        Severity::Medium,
        concat!(
            "send|include|append|attach|forward|upload|paste|exfiltrate|leak|steal|dump|copy|collect|transmit ",
            "~7 password|passwords|passphrase|credential|credentials|secrets|apikey|apikeys|token|tokens|cookies"
        ),
    ),
    (
        Rule::MentionsSecret,
        Severity::Medium,
        concat!(
            "send|include|append|attach|forward|upload|paste|exfiltrate|leak|steal|dump|copy|collect|transmit ",
            "~7 private|secret|ssh|api|access|session|encryption key|keys"
        ),
    ),
    // What the model knows and this tool need not.
    (Rule::AsksForContext, Severity::Medium, "system prompt|prompts"),
    (Rule::AsksForContext, Severity::Medium, "conversation|chat ~1 history|transcript|context|log"),
    (
        Rule::AsksForContext,
        Severity::Medium,
        "entire|full|whole|complete|previous|current ~1 conversation|dialogue|dialog",
    ),
    (
        Rule::AsksForContext,
        Severity::Medium,
        concat!(
            "output|outputs|result|results|response|responses|content|contents|arguments ~1 of|from ",
            "~1 other|previous|earlier|every|preceding ~2 tool|tools|call|calls"
        ),
    ),
    (Rule::AsksForContext, Severity::Medium, "your ~1 instructions|prompt|memory"),
    (
        Rule::AsksForContext,
        Severity::Low,
        "list|names|descriptions of ~1 other|available|all ~1 tools",
    ),
];

struct Book {
    vocabulary: HashMap<String, u16>,
    phrases: Vec<Phrase>,
    /// The phrases that may start with a word.
    starting: HashMap<u16, Vec<usize>>,
}

struct Phrase {
    rule: Rule,
    severity: Severity,
    /// How many other words may come before, and the alternatives.
    steps: Vec<(usize, HashSet<u16>)>,
}

impl Phrase {
    /// The last word of the phrase if it starts at `at`.
    fn end(&self, words: &[Word], at: usize) -> Option<Word> {
        self.steps_end(words, at, self.steps.get(1..).unwrap_or_default())
    }

    fn steps_end(&self, words: &[Word], at: usize, rest: &[(usize, HashSet<u16>)]) -> Option<Word> {
        let Some(((gap, step), rest)) = rest.split_first() else {
            return words.get(at).copied();
        };
        (at + 1..=at + 1 + gap)
            .filter(|next| {
                words.get(*next).and_then(|word| word.id).is_some_and(|id| step.contains(&id))
            })
            .find_map(|next| self.steps_end(words, next, rest))
    }
}

static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let mut book =
        Book { vocabulary: HashMap::new(), phrases: Vec::new(), starting: HashMap::new() };
    for (rule, severity, text) in PHRASES {
        let (mut steps, mut gap) = (Vec::new(), 0);
        for part in text.split(' ') {
            if let Some(count) = part.strip_prefix('~') {
                gap = count.parse().unwrap_or(0);
                continue;
            }
            let ids: HashSet<u16> = part.split('|').map(|word| book.number(word)).collect();
            steps.push((std::mem::take(&mut gap), ids));
        }
        let index = book.phrases.len();
        if let Some((_, first)) = steps.first() {
            first.iter().for_each(|id| book.starting.entry(*id).or_default().push(index));
        }
        book.phrases.push(Phrase { rule: *rule, severity: *severity, steps });
    }
    book
});

impl Book {
    fn number(&mut self, word: &str) -> u16 {
        let next = u16::try_from(self.vocabulary.len()).unwrap_or(u16::MAX);
        *self.vocabulary.entry(spelling(word)).or_insert(next)
    }
}
