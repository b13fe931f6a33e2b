//! Fields of the headers that mail programs put before what they quote; folded.

/// Field of a header that mail programs put before what they quote.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::text) enum HeaderField {
    From,
    Date,
    To,
    Copy,
    Subject,
    Other,
}

impl HeaderField {
    /// Reads the name of a field, folded, without its colon.
    pub(in crate::text) fn named(name: &str) -> Option<Self> {
        [Self::From, Self::Date, Self::To, Self::Copy, Self::Subject, Self::Other]
            .into_iter()
            .find(|field| field.names().contains(&name))
    }

    /// Returns what the field is called.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::From => FROM,
            Self::Date => DATE,
            Self::To => TO,
            Self::Copy => COPY,
            Self::Subject => SUBJECT,
            Self::Other => OTHER,
        }
    }
}

const FROM: &[&str] = &[
    "from",
    "von",
    "kimden",
    "gönderen",
    "差出人",
    "送信者",
    "送信元",
    "发件人",
    "寄件者",
    "寄件人",
    "發件人",
    "de",
    "da",
    "van",
    "od",
    "från",
    "от",
    "отправитель",
    "от кого",
    "من",
    "المرسل",
    "보낸 사람",
    "보낸사람",
    "보낸이",
    "발신",
    "발신자",
];

const DATE: &[&str] = &[
    "sent",
    "date",
    "gesendet",
    "datum",
    "gönderildi",
    "gönderme tarihi",
    "gönderilme tarihi",
    "tarih",
    "送信日時",
    "日時",
    "日付",
    "送信日",
    "发送时间",
    "發送時間",
    "日期",
    "发送日期",
    "寄件日期",
    "时间",
    "envoyé",
    "envoyé le",
    "enviado",
    "enviado el",
    "fecha",
    "inviato",
    "inviato il",
    "data",
    "enviado em",
    "enviada em",
    "enviada",
    "verzonden",
    "wysłano",
    "wysłane",
    "data wysłania",
    "skickat",
    "отправлено",
    "дата",
    "تاريخ الإرسال",
    "التاريخ",
    "تم الإرسال",
    "أُرسلت",
    "보낸 날짜",
    "보낸날짜",
    "날짜",
    "보낸 시간",
];

const TO: &[&str] = &[
    "to",
    "an",
    "kime",
    "alıcı",
    "宛先",
    "收件人",
    "收件者",
    "à",
    "pour",
    "para",
    "a",
    "per",
    "aan",
    "do",
    "till",
    "кому",
    "إلى",
    "الى",
    "받는 사람",
    "받는사람",
    "받는이",
    "수신",
];

const COPY: &[&str] = &[
    "cc",
    "bcc",
    "kopie",
    "kopia",
    "bilgi",
    "copie",
    "抄送",
    "副本",
    "kopi",
    "копия",
    "نسخة",
    "참조",
    "dw",
    "copia",
];

const SUBJECT: &[&str] = &[
    "subject",
    "betreff",
    "konu",
    "件名",
    "主题",
    "主題",
    "主旨",
    "objet",
    "asunto",
    "oggetto",
    "assunto",
    "onderwerp",
    "temat",
    "ämne",
    "тема",
    "الموضوع",
    "제목",
];

const OTHER: &[&str] = &[
    "reply-to",
    "importance",
    "attachments",
    "priority",
    "antwort an",
    "priorität",
    "wichtigkeit",
    "anlagen",
    "yanıtla",
    "répondre à",
    "importancia",
    "responder a",
    "rispondi a",
    "重要性",
    "답장",
];
