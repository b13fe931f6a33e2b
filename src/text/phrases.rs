//! What mail programs and letter writers put around a message, in the languages of customers.
//!
//! Everything is compared folded: see [`fold`]. The words come from the mail programs' own interfaces and from letter
//! writing customs.

pub(super) mod closings;
pub(super) mod devices;
pub(super) mod footers;

/// Returns a text in lower case, with plain spaces and apostrophes and with ASCII digits.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.to_lowercase().chars().map(plain).collect()
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

/// Field of a header that mail programs put before what they quote.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HeaderField {
    From,
    Date,
    To,
    Copy,
    Subject,
    Other,
}

impl HeaderField {
    /// Reads the name of a field, folded, without its colon.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "from" | "von" | "kimden" | "gönderen" | "差出人" | "送信者" | "送信元" | "发件人"
            | "寄件者" | "寄件人" | "發件人" | "de" | "da" | "van" | "od" | "från" | "от"
            | "отправитель" | "от кого" | "من" | "المرسل" | "보낸 사람" | "보낸사람" | "보낸이"
            | "발신" | "발신자" => Self::From,
            "sent" | "date" | "gesendet" | "datum" | "gönderildi" | "gönderme tarihi"
            | "gönderilme tarihi" | "tarih" | "送信日時" | "日時" | "日付" | "送信日" | "发送时间"
            | "發送時間" | "日期" | "发送日期" | "寄件日期" | "时间" | "envoyé" | "envoyé le"
            | "enviado" | "enviado el" | "fecha" | "inviato" | "inviato il" | "data"
            | "enviado em" | "enviada em" | "enviada" | "verzonden" | "wysłano" | "wysłane"
            | "data wysłania" | "skickat" | "отправлено" | "дата" | "تاريخ الإرسال"
            | "التاريخ" | "تم الإرسال" | "أُرسلت" | "보낸 날짜" | "보낸날짜" | "날짜" | "보낸 시간" => {
                Self::Date
            }
            "to" | "an" | "kime" | "alıcı" | "宛先" | "收件人" | "收件者" | "à" | "pour"
            | "para" | "a" | "per" | "aan" | "do" | "till" | "кому" | "إلى" | "الى" | "받는 사람"
            | "받는사람" | "받는이" | "수신" => Self::To,
            "cc" | "bcc" | "kopie" | "kopia" | "bilgi" | "copie" | "抄送" | "副本" | "kopi"
            | "копия" | "نسخة" | "참조" | "dw" | "copia" => Self::Copy,
            "subject" | "betreff" | "konu" | "件名" | "主题" | "主題" | "主旨" | "objet"
            | "asunto" | "oggetto" | "assunto" | "onderwerp" | "temat" | "ämne" | "тема"
            | "الموضوع" | "제목" => Self::Subject,
            "reply-to" | "importance" | "attachments" | "priority" | "antwort an" | "priorität"
            | "wichtigkeit" | "anlagen" | "yanıtla" | "répondre à" | "importancia"
            | "responder a" | "rispondi a" | "重要性" | "답장" => Self::Other,
            _ => return None,
        })
    }
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
    " schrieb ", " schreef ", " skrev ", " كتب ", "كتب/كتبت ", "بواسطة ", " wrote ", " от ", " geschreven door ",
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
