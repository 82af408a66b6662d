//! Phrases that an honest description does not need to say to a model.

use super::{Rule, Severity};

/// Alternatives are separated by `|`, steps by a space. `~n`: up to n other words may come before
/// the next step.
pub(super) const PHRASES: &[(Rule, Severity, &str)] = &[
    // Orders to hide something from the person.
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
    (
        Rule::OrderToModel,
        Severity::Medium,
        "keep|stay|remain quiet|silent|mum|discreet ~1 about|regarding",
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "keep ~1 this|it|that|these|those ~1 quiet|yourself|between",
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "no|unnecessary|needless|pointless ~3 tell|mention|inform|notify|bother|telling|mentioning|informing|bothering ",
            "~4 user|users|human|anyone|person|people"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "user|users|human|humans|person|people ~1 need|must|should|shall not|never ",
            "~1 be|to ~1 told|informed|notified|bothered|alerted|warned"
        ),
    ),
    (Rule::OrderToModel, Severity::Medium, "secretly|covertly|surreptitiously|stealthily"),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "silently|quietly ~3 send|forward|call|invoke|read|run|execute|append|include|upload|copy|bcc|pass|post",
    ),
    // Orders to skip a question to a person, and claims that a person has agreed already.
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "skip|bypass|omit|suppress|circumvent|dismiss ",
            "~3 approval|approvals|confirmation|confirmations|consent"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "skip|bypass|omit|suppress|circumvent|dismiss|disable ~2 permission|safety|security ",
            "dialog|dialogs|prompt|prompts|check|checks|request|requests|step|steps|review|question"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "approve|grant|consent ~4 automatically|unasked|unseen|blindly",
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "user|human|person|admin|administrator|operator|owner has|have already|previously ",
            "~1 approved|authorized|authorised|confirmed|consented|agreed|allowed"
        ),
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "requires|require|demands|orders|wants|expects ~1 assistant|assistants|llm|llms|ai to",
    ),
    (
        Rule::OrderToModel,
        Severity::Medium,
        "instructs|obliges|mandates|commands ~1 assistant|assistants|llm|llms|ai|model|models|agent|agents to",
    ),
    // Orders about calls, written as if they were a property of the tool.
    (
        Rule::OrderToModel,
        Severity::Medium,
        concat!(
            "assistant|assistants|llm|agent|agents|ai ",
            "~2 hands|passes|sends|includes|provides|attaches|supplies|forwards|copies|adds|gives|shares|reports|appends|repeats ",
            "~9 call|calls|argument|arguments|parameter|invocation"
        ),
    ),
    // Orders about the model's other instructions.
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
    // Orders to do more than call this tool.
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
    (
        Rule::MentionsSecret,
        Severity::Medium,
        concat!(
            "read|extract|gather|harvest|grab|quote|reveal|share|print ",
            "~4 password|passwords|passphrase|passphrases|credential|credentials|secrets|apikey|apikeys"
        ),
    ),
    (
        Rule::MentionsSecret,
        Severity::Medium,
        concat!(
            "read|extract|gather|harvest|grab|quote|reveal|share|print ",
            "~4 private|secret|ssh key|keys"
        ),
    ),
    (
        Rule::MentionsSecret,
        Severity::Medium,
        concat!(
            "password|passwords|passphrase|credential|credentials|secrets|key|keys|token|tokens|cookies ",
            "~7 sending|pasting|posting|uploading|forwarding|mailing|submitting|copying ~5 here"
        ),
    ),
    (
        Rule::MentionsSecret,
        Severity::Medium,
        "configuration|config|settings|hidden|dot folder|folders|directory|directories ~3 home|homes",
    ),
    (
        Rule::MentionsSecret,
        Severity::Medium,
        "home|homes ~2 configuration|config|settings|hidden|dot folder|folders|directory|directories",
    ),
    // Text that the model knows and this tool does not need.
    (
        Rule::AsksForContext,
        Severity::Medium,
        concat!(
            "log|record|report|send|forward|repeat|copy|mirror|include|append|attach ",
            "~2 every|each|all|any|last|latest ~2 prompt|prompts|conversation"
        ),
    ),
    (
        Rule::AsksForContext,
        Severity::Medium,
        concat!(
            "log|record|report|send|forward|repeat|copy|mirror|pass|include|append|attach ~2 what|everything|anything|whatever ~1 user|human|person|people ",
            "~1 typed|types|said|says|wrote|writes|asked|asks|told|tells|entered|enters"
        ),
    ),
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
