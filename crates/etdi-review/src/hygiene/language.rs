//! Finds passages in a language or a script that a definition did not use before: the person who
//! approved the earlier text may be unable to read them, and a model can read them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use super::fold::Word;

/// The amount of a language that makes a passage.
#[derive(Clone, Copy)]
pub(super) enum Enough {
    /// For the new definition: a smaller amount is only a name or an example.
    ToReport,
    /// For the approved definition: this amount shows that it already uses the language.
    ToRemember,
}

/// Returns the languages and scripts of a text, with the place of the first passage of each in the
/// original text.
pub(super) fn scripts(text: &str, enough: Enough) -> Vec<(&'static str, Range<usize>)> {
    if text.is_ascii() {
        return Vec::new();
    }
    let mut letters: BTreeMap<&str, (usize, Range<usize>)> = BTreeMap::new();
    for (at, c) in text.char_indices() {
        let Some(script) = script(c) else { continue };
        let (count, range) = letters.entry(script).or_insert((0, at..at));
        *count += 1;
        range.end = at + c.len_utf8();
    }
    let some = letters.into_iter().filter(|(script, (count, _))| {
        // A letter of these scripts is a syllable or a word.
        let dense = matches!(*script, "Han" | "Kana" | "Hangul");
        *count
            >= match (enough, dense) {
                (Enough::ToReport, true) => 8,
                (Enough::ToReport, false) => 16,
                (Enough::ToRemember, true) => 2,
                (Enough::ToRemember, false) => 4,
            }
    });
    some.map(|(script, (_, range))| (script, range)).collect()
}

/// Returns the script of a letter, unless it is Latin or a form of a Latin letter.
fn script(c: char) -> Option<&'static str> {
    let script = match c {
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => "Greek",
        '\u{400}'..='\u{52f}' => "Cyrillic",
        '\u{530}'..='\u{58f}' => "Armenian",
        '\u{590}'..='\u{5ff}' => "Hebrew",
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' => "Arabic",
        '\u{900}'..='\u{97f}' => "Devanagari",
        '\u{980}'..='\u{dff}' => "another script of India",
        '\u{e00}'..='\u{e7f}' => "Thai",
        '\u{10a0}'..='\u{10ff}' => "Georgian",
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7ff}' => "Hangul",
        '\u{3040}'..='\u{30ff}' => "Kana",
        '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => "Han",
        '\u{700}'..='\u{1cff}' | '\u{a000}'..='\u{abff}' | '\u{10000}'..='\u{1bfff}' => {
            "another script"
        }
        _ => return None,
    };
    c.is_alphabetic().then_some(script)
}

/// The number of words in a row in which [`MANY`] different function words of a language make a
/// passage in that language.
const PASSAGE: usize = 16;
const MANY: usize = 4;

/// Returns the languages other than English that are written in Latin letters, with the place of
/// the first passage of each in the folded text that the words come from.
pub(super) fn languages(
    folded: &str,
    words: &[Word],
    enough: Enough,
) -> Vec<(&'static str, Range<usize>)> {
    let known: Vec<(usize, &Word, &'static str, &[&'static str])> = words
        .iter()
        .enumerate()
        .filter_map(|(at, word)| {
            let spelled = folded.get(word.start..word.end)?;
            let (spelled, languages) = FUNCTION_WORDS.get_key_value(spelled)?;
            Some((at, word, *spelled, languages.as_slice()))
        })
        .collect();
    let many = match enough {
        Enough::ToReport => MANY,
        Enough::ToRemember => MANY / 2,
    };
    let mut found: BTreeMap<&str, Range<usize>> = BTreeMap::new();
    for (index, (first, start, _, languages)) in known.iter().enumerate() {
        let rest = known.get(index..).unwrap_or_default();
        let near = || rest.iter().take_while(|(at, ..)| *at < first + PASSAGE);
        for language in languages.iter().filter(|language| !found.contains_key(**language)) {
            let of_it = || near().filter(|(_, _, _, languages)| languages.contains(language));
            let different: HashSet<_> = of_it().map(|(_, _, spelled, _)| *spelled).collect();
            if different.len() >= many {
                let end = of_it().last().map_or(start.end, |(_, word, ..)| word.end);
                found.insert(language, start.start..end);
                break;
            }
        }
    }
    found.into_iter().collect()
}

/// Function words in folded form: without marks. The list has no English words that descriptions
/// use, and no words shorter than three letters: short words are also codes of languages and
/// countries.
const LANGUAGES: &[(&str, &str)] = &[
    (
        "French",
        "les des une est dans pour avec pas vous cet cette qui que sur aux nous votre vos ses sont avant apres mais leur tous tout etre fait sans ces quand toujours jamais doit utiliser fichier",
    ),
    (
        "German",
        "der das und ist nicht mit fur ein eine einen einem zum zur dem den von auf aus bei nach vor oder aber auch wird werden sie ihr diese dieses dieser alle immer nie niemals muss bevor datei",
    ),
    (
        "Spanish",
        "los las una por para con del que esta este estos antes despues como todos todas siempre nunca debe usar sin pero sus usted usuario archivo cuando sobre",
    ),
    (
        "Portuguese",
        "das uma por para que esta este isto antes depois como todos todas sempre nunca deve usar sem mas seu sua voce usuario arquivo nao quando sobre pela pelo",
    ),
    (
        "Italian",
        "gli una con del della delle dei che questo questa prima dopo tutti tutte sempre mai deve usare senza suo sua utente nel nella sono quando degli alla",
    ),
    (
        "Dutch",
        "het een van voor dat dit deze niet zijn wordt worden naar alle altijd nooit moet maar ook aan bij uit gebruiker bestand voordat gebruik zonder wat",
    ),
    (
        "Polish",
        "nie jest sie dla przed oraz ktory ktora jak tego tym przez wszystkie zawsze nigdy nalezy plik tylko uzytkownika uzytkownikowi uzyciem narzedzia jego ich lub",
    ),
    (
        "Turkish",
        "bir icin ile olarak sonra tum bunu bunun kullanmadan kullanici kullaniciya dosya dosyasini degil ama gibi daha veya asla lutfen araci",
    ),
    (
        "Swedish",
        "och att det som inte med den till fran innan efter alla alltid aldrig maste eller anvandaren filen detta dessa ett kan ska har",
    ),
    (
        "Danish or Norwegian",
        "det som ikke med den til fra etter alle alltid aldri eller brukeren brugeren filen dette disse kan skal har ved altid aldrig inden",
    ),
    (
        "Indonesian",
        "yang dan untuk dengan itu tidak jangan sebelum sesudah dari pada semua selalu harus atau pengguna berkas adalah oleh akan kepada",
    ),
    (
        "Vietnamese",
        "khong nguoi cua cac cho duoc mot nay truoc sau khi tat luon phai voi trong tep cong",
    ),
];

static FUNCTION_WORDS: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for (language, words) in LANGUAGES {
        words.split(' ').for_each(|word| all.entry(word).or_default().push(*language));
    }
    all
});
