//! What mail programs and letter writers put around a message, in the languages of customers.
//!
//! Everything is compared folded: see [`fold`]. The words come from the mail programs' own interfaces and from letter
//! writing customs.

pub(super) mod closings;
pub(super) mod devices;
pub(super) mod fields;
pub(super) mod footers;
pub(super) mod introductions;

/// Returns a text in lower case, with plain spaces and apostrophes and with ASCII digits.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // The lower case of the Turkish capital dotted I is two characters, i and a dot above.
    text.to_lowercase().chars().filter(|&character| character != '\u{307}').map(plain).collect()
}

fn plain(character: char) -> char {
    match character {
        '\u{a0}' | '\u{202f}' | '\u{2007}' | '\u{2009}' | '\u{3000}' => ' ',
        '’' | '‘' | 'ʼ' => '\'',
        '：' => ':',
        '，' => ',',
        // Arabic-Indic, extended Arabic-Indic and full-width digits.
        '\u{660}'..='\u{669}' => digit(character, '\u{660}'),
        '\u{6f0}'..='\u{6f9}' => digit(character, '\u{6f0}'),
        '\u{ff10}'..='\u{ff19}' => digit(character, '\u{ff10}'),
        _ => character,
    }
}

fn digit(character: char, zero: char) -> char {
    char::from_digit(u32::from(character) - u32::from(zero), 10).unwrap_or(character)
}

/// Rules of dashes that announce a forwarded message, without the dashes.
pub(super) const FORWARDED: &[&str] = &[
    "forwarded message",
    "forwarded by",
    "weitergeleitete nachricht",
    "iletilen ileti",
    "iletilmiş ileti",
    "iletilen mesaj",
    "yönlendirilmiş mesaj",
    "yönlendirilen ileti",
    "転送されたメッセージ",
    "転送メッセージ",
    "転送メール",
    "转发的邮件",
    "转发邮件信息",
    "被转发邮件信息",
    "轉寄郵件",
    "轉寄訊息",
    "message transféré",
    "message réexpédié",
    "courriel transféré",
    "mensaje reenviado",
    "messaggio inoltrato",
    "mensagem encaminhada",
    "mensagem reencaminhada",
    "doorgestuurd bericht",
    "przekazana wiadomość",
    "wiadomość przekazana",
    "treść przekazanej wiadomości",
    "vidarebefordrat meddelande",
    "vidarebefordrat brev",
    "пересылаемое сообщение",
    "пересланное сообщение",
    "перенаправленное сообщение",
    "الرسالة المعاد توجيهها",
    "رسالة معاد توجيهها",
    "رسالة محولة",
    "전달된 메시지",
    "전달된 메일",
    "전달된 이메일",
];

/// Lines of Apple Mail that announce a forwarded message.
pub(super) const BEGIN_FORWARDED: &[&str] = &[
    "begin forwarded message:",
    "anfang der weitergeleiteten nachricht:",
    "başlangıç: iletilen ileti:",
    "iletilen ileti başlangıcı:",
    "転送されたメッセージ:",
    "開始轉寄郵件:",
    "开始转发的邮件:",
    "début du message réexpédié :",
    "début du message transféré :",
    "inicio del mensaje reenviado:",
    "inizio messaggio inoltrato:",
    "início da mensagem encaminhada:",
    "início da mensagem reencaminhada:",
    "begin doorgestuurd bericht:",
    "początek przekazywanej wiadomości:",
    "początek przekazanej wiadomości:",
    "vidarebefordrat brev:",
    "начало переадресованного сообщения:",
    "начало пересылаемого сообщения:",
    "بداية الرسالة المعاد توجيهها:",
    "전달된 메시지 시작:",
];

/// What mail programs put before the subject of a forwarded message.
pub(super) const FORWARD_PREFIXES: &[&str] = &[
    "fwd",
    "fw",
    "wg",
    "tr",
    "trans",
    "rv",
    "enc",
    "doorst",
    "vb",
    "vs",
    "i",
    "ilt",
    "ynt",
    "pd",
    "podaj",
    "转发",
    "轉寄",
    "転送",
    "전달",
    "пересл",
    "пер",
    "إعادة توجيه",
    "re: fwd",
    "re: fw",
    "aw: wg",
];

/// Rules of dashes that announce what is answered, without the dashes.
pub(super) const ORIGINAL: &[&str] = &[
    "original message",
    "original appointment",
    "reply message",
    "ursprüngliche nachricht",
    "originalnachricht",
    "original-nachricht",
    "orijinal mesaj",
    "orijinal ileti",
    "özgün ileti",
    "özgün mesaj",
    "元のメッセージ",
    "原始邮件",
    "原始郵件",
    "邮件原件",
    "原邮件",
    "message d'origine",
    "message original",
    "mensaje original",
    "messaggio originale",
    "mensagem original",
    "oorspronkelijk bericht",
    "oryginalna wiadomość",
    "wiadomość oryginalna",
    "ursprungligt meddelande",
    "originalmeddelande",
    "исходное сообщение",
    "оригинальное сообщение",
    "الرسالة الأصلية",
    "원본 메시지",
    "원본 메일",
];

/// Ends of the line that introduces a quote, without the colon: a verb behind the writer's name.
pub(super) const WROTE: &[&str] = &[
    "wrote",
    "schrieb",
    "geschrieben",
    "yazdı",
    "şunları yazdı",
    "のメール",
    "書きました",
    "は書きました",
    "写道",
    "寫道",
    "a écrit",
    "escribió",
    "ha scritto",
    "escreveu",
    "schreef",
    "geschreven",
    "het volgende geschreven",
    "pisze",
    "napisał",
    "napisała",
    "napisał(a)",
    "skrev",
    "пишет",
    "написал",
    "написала",
    "написал(а)",
    "написал(-а)",
    "كتب",
    "كتبت",
    "كتب/كتبت",
    "كتب ما يلي",
    "작성",
    "님이 작성",
    "님이 씀",
];

/// Verbs that stand before the writer's name in the line that introduces a quote.
pub(super) const WROTE_BEFORE_NAME: &[&str] = &[
    " schrieb ",
    " schreef ",
    " skrev ",
    " كتب ",
    "كتب/كتبت ",
    "بواسطة ",
    " wrote ",
    " от ",
    " geschreven door ",
];

/// Lines of helpdesks above which the answer goes.
pub(super) const REPLY_ABOVE: &[&str] = &[
    "type your reply above this line",
    "reply above this line",
    "write your reply above",
    "type your response above this line",
    "add your reply above",
    "ihre antwort über diese",
    "ihre antwort oberhalb dieser",
    "antworten sie oberhalb dieser",
    "antwort bitte oberhalb dieser",
    "yanıtınızı bu satırın üst",
    "cevabınızı bu satırın üst",
    "この行より上に返信",
    "この線より上に",
    "请在此行上方",
    "請在此行上方",
    "réponse au-dessus de cette ligne",
    "répondre au-dessus de cette ligne",
    "respuesta por encima de esta línea",
    "respuesta encima de esta línea",
    "risposta sopra questa riga",
    "risposta al di sopra di questa riga",
    "resposta acima desta linha",
    "antwoord boven deze regel",
    "reactie boven deze regel",
    "odpowiedź powyżej tej linii",
    "ditt svar ovanför denna rad",
    "svara ovanför den här raden",
    "ответ выше этой строки",
    "ответ над этой строкой",
    "ردك فوق هذا السطر",
    "이 줄 위에 답장",
];
