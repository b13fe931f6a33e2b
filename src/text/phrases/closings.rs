//! How letters end, in the languages of customers; folded.

/// Formulas that end a letter. Words of thanks are none of them: they say something.
pub(in crate::text) const CLOSINGS: &[&str] = &[
    // English
    "best regards", "kind regards", "kindest regards", "warm regards", "warmest regards", "regards", "best wishes",
    "with best wishes", "with kind regards", "with best regards", "many regards", "sincerely", "yours sincerely",
    "sincerely yours", "yours faithfully", "yours truly", "respectfully", "all the best", "all best", "best",
    "br", "kr", "rgds", "brgds", "best rgds",
    // German
    "mit freundlichen grüßen", "mit freundlichen grüssen", "mit freundlichem gruß", "mit freundlichem gruss",
    "mit besten grüßen", "mit besten grüssen", "mit besten gruß", "mit herzlichen grüßen", "mit lieben grüßen",
    "mit vielen grüßen", "mit sonnigen grüßen", "freundliche grüße", "freundliche grüsse",
    "freundlicher gruß", "viele grüße", "viele grüsse", "viele liebe grüße", "liebe grüße",
    "liebe grüsse", "beste grüße", "beste grüsse", "herzliche grüße", "herzliche grüsse",
    "schöne grüße", "schönen gruß", "einen schönen gruß", "lieben gruß", "besten gruß", "herzlichen gruß",
    "freundlichen gruß", "gruß", "gruss", "grüße", "grüsse", "mfg", "mit freundl. grüßen", "lg", "vg",
    "hochachtungsvoll",
    // Turkish
    "saygılarımla", "saygılarımızla", "saygılar", "saygılar sunarım", "iyi çalışmalar", "iyi çalışmalar dilerim",
    "sevgiler", "sevgilerimle", "selamlar", "en iyi dileklerimle", "iyi dileklerimle", "hürmetler",
    // Japanese
    "敬具", "草々", "かしこ", "以上",
    // Chinese
    "此致", "此致敬礼", "此致敬禮", "此致 敬礼", "敬礼", "敬禮", "祝好", "顺颂商祺", "順頌商祺", "敬上", "谨启",
    "祝商祺", "此致,敬礼",
    // French
    "cordialement", "bien cordialement", "très cordialement", "cordialement vôtre", "bien à vous",
    "sincères salutations", "mes salutations", "salutations", "salutations distinguées", "sincèrement",
    "meilleures salutations", "respectueusement", "cdlt", "cdt", "bien sincèrement", "salutations cordiales",
    // Spanish
    "saludos", "un saludo", "saludos cordiales", "un cordial saludo", "cordiales saludos", "atentamente",
    "muy atentamente", "atte", "reciban un cordial saludo", "reciba un cordial saludo", "cordialmente",
    "un saludo cordial", "muchos saludos", "saludos atentos", "un abrazo",
    // Italian
    "cordiali saluti", "distinti saluti", "cordialmente", "saluti", "un saluto", "un cordiale saluto",
    "i miei più cordiali saluti", "tanti saluti", "cari saluti", "in fede", "porgo distinti saluti",
    // Portuguese
    "atenciosamente", "cumprimentos", "com os melhores cumprimentos", "melhores cumprimentos", "att",
    "abraços", "um abraço", "cordialmente", "respeitosamente", "saudações", "os meus cumprimentos",
    // Dutch
    "met vriendelijke groet", "met vriendelijke groeten", "vriendelijke groet", "vriendelijke groeten",
    "hartelijke groet", "hartelijke groeten", "groet", "groeten", "groetjes", "mvg", "met groet",
    "met hartelijke groet", "hoogachtend", "veel groeten",
    // Polish
    "pozdrawiam", "pozdrawiam serdecznie", "serdecznie pozdrawiam", "z poważaniem", "z wyrazami szacunku",
    "pozdrowienia", "serdeczne pozdrowienia", "łączę pozdrowienia", "pozdr", "z pozdrowieniami",
    // Swedish
    "med vänliga hälsningar", "med vänlig hälsning", "vänliga hälsningar", "vänlig hälsning", "mvh",
    "hälsningar", "med bästa hälsningar", "bästa hälsningar", "många hälsningar", "vh", "varma hälsningar",
    // Russian
    "с уважением", "с наилучшими пожеланиями", "всего доброго", "всего хорошего", "с почтением",
    "искренне ваш", "искренне ваша",
    // Arabic
    "مع التحية", "مع تحياتي", "مع خالص التحية", "مع خالص تحياتي", "تحياتي", "مع أطيب التحيات", "مع اطيب التحيات",
    "وتفضلوا بقبول فائق الاحترام", "تفضلوا بقبول فائق الاحترام", "مع فائق الاحترام", "مع الاحترام", "تحية طيبة",
    // Korean
    "드림", "올림",
];

/// Words between a closing formula and a place.
pub(in crate::text) const FROM_PLACE: &[&str] =
    &["from", "aus", "de", "depuis", "desde", "da", "dalla", "uit", "från", "z", "из"];

/// Small words within names and titles.
pub(in crate::text) const PARTICLES: &[&str] = &[
    "de", "del", "della", "der", "des", "di", "da", "do", "dos", "das", "du", "la", "le", "el", "van", "von", "zu",
    "zur", "den", "ten", "ter", "af", "av", "bin", "ibn", "al", "y", "e", "i", "et", "and", "und", "en", "of", "for", "für",
    "och", "w", "ds", "per", "the", "at", "i.a.", "i.v.", "ppa.", "p.p.",
];

/// Beginnings of words that say something, so that the line which has one is no name.
pub(in crate::text) const CONTENT_STEMS: &[&str] = &[
    // Requests, thanks and what is asked about.
    "please", "pls", "thank", "cancel", "refund", "return", "order", "help", "waiting", "urgent", "asap", "sorry", "reply",
    "call", "deliver", "ship", "track", "parcel", "package", "invoice", "payment", "money", "broken", "wrong", "missing",
    "no", "yes", "not", "never", "where", "when", "why", "what", "how", "also", "ps", "p.s", "nb", "edit",
    "bitte", "dank", "storn", "bestell", "liefer", "rechnung", "paket", "kunden", "retoure", "rück", "nein", "nicht", "wo",
    "wann", "warum", "auftrag", "erstatt", "eilt", "dringend",
    "lütfen", "teşekkür", "sipariş", "iade", "kargo", "fatura", "iptal", "hayır", "evet", "acil", "müşteri",
    "merci", "commande", "annul", "rembours", "colis", "facture", "retour", "oui", "non", "svp", "urgen", "livraison",
    "gracias", "favor", "pedido", "cancela", "devol", "reembols", "factura", "envío", "ayuda", "paquete", "sí",
    "grazie", "ordine", "rimborso", "reso", "fattura", "pacco", "aiuto", "annulla", "spedizione", "cliente",
    "obrigad", "encomenda", "fatura", "ajuda", "boleto", "troca", "entrega",
    "bedankt", "dank", "bestelling", "factuur", "pakket", "annule", "klant", "graag", "alvast",
    "dzięk", "prosz", "zamów", "zwrot", "faktur", "paczk", "reklamac", "pilne", "klient",
    "tack", "beställ", "retur", "faktura", "paket", "avbeställ", "återbetal", "kund", "snälla",
    "спасиб", "пожалуйст", "заказ", "возврат", "посылк", "отмен", "счёт", "счет", "верните", "срочно", "клиент",
    "شكر", "الرجاء", "رجاء", "ارجو", "أرجو", "اريد", "أريد", "طلب", "الطلب", "استرداد", "إلغاء", "الغاء", "متى", "اين",
    "أين", "فاتورة", "لا", "نعم", "لم",
    "감사", "부탁", "주문", "환불", "교환", "취소", "배송", "반품", "언제", "문의", "수고", "고마", "빨리",
    "quote", "ref", "nr", "no.", "número", "numero", "numer", "номер", "رقم",
];

/// Characters of Chinese and Japanese that names and firms do not have but sentences do.
pub(in crate::text) const CJK_CONTENT: &[char] = &[
    '请', '請', '退', '换', '換', '款', '货', '貨', '快', '查', '单', '單', '收', '发', '發', '给', '給', '我', '你', '您', '的',
    '了', '吗', '嗎', '谢', '謝', '不', '没', '沒', '什', '么', '帮', '幫', '催', '注', '届', '返', '待', '困', '急',
    'は', 'が', 'を', 'に', 'で', 'す', 'た', 'く', 'て', 'ま',
];
