//! What mail programs put under a message on their own account; folded.

/// Beginnings and ends of lines that say what a mail was sent with.
pub(in crate::text) const SENT_FROM: &[&str] = &[
    "sent from", "sent with", "sent via", "sent using", "get outlook", "download outlook", "diese nachricht wurde von meinem", "this message was sent from my",
    "von meinem", "von meiner", "gesendet von", "gesendet mit", "gesendet über", "holen sie sich outlook", "outlook für",
    "gönderildi", "gönderilmiştir", "edinin", "indirin",
    "から送信", "より送信", "を入手", "发自", "發自", "从我的", "從我的", "获取", "取得", "下载", "傳送自", "来自",
    "envoyé de", "envoyé depuis", "envoyé à partir", "envoyé avec", "télécharger outlook", "obtenez outlook",
    "enviado desde", "enviado con", "enviado mediante", "obtener outlook", "obtén outlook",
    "inviato da", "inviato dal", "inviato con", "scarica outlook", "ottieni outlook",
    "enviado do", "enviado de", "enviado a partir", "enviado via", "obter o outlook", "obter outlook", "baixe o outlook",
    "verstuurd vanaf", "verzonden vanaf", "verstuurd met", "verzonden met", "verzonden via", "outlook voor", "download outlook",
    "wysłane z", "wysłano z", "wysłano za", "pobierz outlook", "pobierz program outlook",
    "skickat från", "skickades från", "hämta outlook", "skaffa outlook",
    "отправлено с", "отправлено из", "отправлено через", "получите outlook", "скачать outlook", "загрузите outlook",
    "أُرسلت من", "ارسلت من", "أرسلت من", "تم الإرسال من", "مرسل من", "احصل على outlook", "الحصول على outlook",
    "에서 보냄", "에서 보냈습니다", "에서 보낸 메일", "다운로드", "에서 전송",
];

/// Devices and programs that such lines name.
pub(in crate::text) const DEVICES: &[&str] = &[
    "iphone", "ipad", "ipod", "apple", "mac", "android", "galaxy", "samsung", "huawei", "xiaomi", "redmi", "oppo", "honor",
    "oneplus", "pixel", "nokia", "motorola", "sony", "xperia", "blackberry", "windows", "smartphone", "handy",
    "mobiltelefon", "mobil", "mobile", "cep telefon", "telefonum", "スマートフォン", "ドコモ", "携帯", "手机", "手機", "téléphone",
    "móvil", "celular", "telefono", "cellulare", "telemóvel", "telefoon", "telefonu", "mobilen", "телефон", "смартфон",
    "الهاتف", "هاتفي", "جوال", "휴대폰", "스마트폰", "갤럭시", "아이폰", "phone",
    "outlook", "yahoo", "gmail", "gmx", "web.de", "t-online", "proton", "thunderbird", "mail.ru", "почт", "яндекс",
    "yandex", "naver", "네이버", "orange", "libero", "qq邮箱", "网易邮箱", "spark", "aol", "hotmail", "telekom", "freenet", "tutanota", "tuta",
    "mailbird", "zoho", "fastmail", "mail app", "mail-app",
];

/// Beginnings of lines with which a person speaks of a place or a thing, not a mail program of itself.
pub(in crate::text) const NOT_SENT_FROM: &[&str] = &["?", "!", "，", "。", ". ", ", ", "; "];
