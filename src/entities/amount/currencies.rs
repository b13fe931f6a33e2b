//! Currencies: their signs, codes and names in the supported languages.
//!
//! Forms are separated by `|`, compared without case and accents. Codes are ISO 4217.

/// Where the name of a currency may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Only before the number.
    Before,
    /// Only after it.
    After,
    /// On either side.
    Either,
}

/// A currency, or a sign that several share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Money {
    /// ISO 4217.
    Code(&'static str),
    /// `$`: the United States' unless the region has its own.
    Dollar,
    /// Krona, krone: Sweden's unless the region has its own.
    Crown,
    /// `¥`: China's in Chinese, else Japan's.
    Yen,
    /// 元: China's unless the region has its own.
    Yuan,
    Peso,
    /// ريال
    Riyal,
    /// درهم
    Dirham,
    /// دينار
    Dinar,
    /// جنيه
    ArabicPound,
    /// Hundredth part named alike in several currencies: "cent".
    Cent,
}

/// Forms of one currency.
#[derive(Debug)]
pub(super) struct Forms {
    pub(super) money: Money,
    pub(super) place: Place,
    /// Subtags separated by spaces; empty for all languages.
    pub(super) languages: &'static str,
    pub(super) forms: &'static str,
}

const fn all(money: Money, place: Place, forms: &'static str) -> Forms {
    Forms { money, place, languages: "", forms }
}

const fn only(languages: &'static str, money: Money, place: Place, forms: &'static str) -> Forms {
    Forms { money, place, languages, forms }
}

use Money::{ArabicPound, Cent, Code, Crown, Dinar, Dirham, Dollar, Peso, Riyal, Yen, Yuan};
use Place::{After, Before, Either};

/// Signs, codes that are no words, and names.
pub(super) const CURRENCIES: &[Forms] = &[
    all(Code("EUR"), Either, "€|eur"),
    all(
        Code("EUR"),
        After,
        "euro|euros|euro's|euronun|euroya|euroluk|eurodan|yuro|евро|يورو|ευρώ|teuros|eurot|oiro|euronen|avro|avroya|teuro",
    ),
    only("it nl pt", Code("EUR"), Before, "euro"),
    only("sv", Code("EUR"), After, "euron"),
    all(Dollar, Either, "$"),
    all(Code("USD"), Either, "us$|usd|usd$|u$s|u$d"),
    all(
        Code("USD"),
        After,
        "dollars|dollar|us dollars|us-dollar|us dollar|us-dollars|dólares|dólar|dolares|dollari|dollaro|dolar|dolara|doların|\
         dolarów|dolary|dolarach|доллар|доллара|долларов|долл|دولار|دولارا|دولار أمريكي|دولارات|dólares americanos|dollars \
         américains|bucks|buck|dollari usa|$ usd|$usd",
    ),
    all(Code("CAD"), Either, "ca$|c$|cad|cad$|can$"),
    all(Code("CAD"), After, "canadian dollars|canadian dollar|dollars canadiens|$ ca|$ cad"),
    all(Code("AUD"), Either, "au$|a$|aud"),
    all(Code("AUD"), After, "australian dollars|aussie dollars"),
    all(Code("NZD"), Either, "nz$|nzd"),
    all(Code("SGD"), Either, "s$|sgd"),
    all(Code("HKD"), Either, "hk$|hkd|港币|港幣"),
    all(Code("TWD"), Either, "nt$|ntd|twd"),
    all(Code("MXN"), Either, "mx$|mxn"),
    all(Code("MXN"), After, "pesos mexicanos"),
    all(Code("ARS"), Either, "ar$"),
    all(Code("ARS"), After, "pesos argentinos"),
    all(Code("CLP"), Either, "clp"),
    all(Code("COP"), After, "pesos colombianos"),
    all(Peso, After, "pesos"),
    only("es en", Peso, After, "peso"),
    all(Code("BRL"), Either, "r$|brl"),
    all(Code("BRL"), After, "reais|reales brasileños"),
    only("pt", Code("BRL"), After, "real|conto|contos|pila|pilas|conto de réis|mangos"),
    all(Code("GBP"), Either, "£|gbp"),
    all(
        Code("GBP"),
        After,
        "pounds sterling|british pounds|quid|livres sterling|livre sterling|pfund sterling|sterline|sterlina|libras \
         esterlinas|libra esterlina|funtów|funty|funt|фунтов|фунта|фунт стерлингов|фунтов стерлингов|sterlin|جنيه \
         إسترليني|جنيه استرليني|brittiska pund",
    ),
    only("en", Code("GBP"), After, "pounds|pound"),
    only("sv nl", Code("GBP"), After, "pund|pond"),
    only("es pt", Code("GBP"), After, "libras"),
    all(Code("CHF"), Either, "chf|sfr"),
    all(
        Code("CHF"),
        After,
        "franken|schweizer franken|francs suisses|francs|franchi|franchi svizzeri|stutz|franków|franki",
    ),
    all(Code("PLN"), Either, "pln"),
    all(
        Code("PLN"),
        After,
        "zł|zlote|złoty|złote|złotych|złotego|złotówek|złotówki|zloty|zlotys|злотых|polnische zloty|zeta|ziko",
    ),
    all(Crown, Either, "kr"),
    all(Crown, After, "kronor|kronorna|kronors|krona|kroner|spänn"),
    only("de nl en", Crown, After, "kronen"),
    all(Code("SEK"), Either, "sek"),
    all(Code("SEK"), After, "svenska kronor|schwedische kronen|swedish kronor|swedish crowns"),
    all(Code("NOK"), Either, "nok"),
    all(Code("NOK"), After, "norska kronor|norwegian kroner|norwegische kronen"),
    all(Code("DKK"), Either, "dkk"),
    all(Code("DKK"), After, "danska kronor|danish kroner|dänische kronen"),
    all(Code("CZK"), Either, "czk"),
    all(Code("CZK"), After, "kč|koron czeskich|tschechische kronen"),
    all(Code("HUF"), Either, "huf"),
    all(Code("HUF"), After, "forint|forintów"),
    all(Code("RON"), Either, "ron"),
    all(Code("TRY"), Either, "₺"),
    all(
        Code("TRY"),
        After,
        "tl|try|lira|liralık|türk lirası|liraya|turkish lira|turkish liras|турецких лир|лир|лиры|ليرة تركية|ليره|ليرة",
    ),
    all(Code("RUB"), Either, "₽|rub"),
    all(
        Code("RUB"),
        After,
        "руб.|руб|рублей|рубля|рубль|рублям|рублями|рублях|рубликов|rubles|roubles|rubel|rubli|rublos|ruble",
    ),
    only("ru", Code("RUB"), After, "р.|р|руб/шт|деревянных"),
    all(Code("UAH"), Either, "₴|uah"),
    all(Code("UAH"), After, "грн|гривен|гривны"),
    all(Code("KZT"), Either, "₸|kzt"),
    all(Code("KZT"), After, "тенге"),
    all(Code("BYN"), Either, "byn"),
    all(Code("INR"), Either, "₹|inr"),
    all(Code("INR"), Before, "rs.|rs"),
    all(Code("INR"), After, "rupees|rupee|rupien|roupies|rupias|روبية"),
    all(Code("ILS"), Either, "₪|ils"),
    all(Code("THB"), Either, "฿|thb"),
    all(Code("ZAR"), Either, "zar"),
    all(Code("SAR"), Either, "sar"),
    all(
        Code("SAR"),
        After,
        "ريال سعودي|ر.س|ر.س.|ر س|riyals|saudi riyals|riyal|riyales|ريالات سعودية",
    ),
    all(Riyal, After, "ريال|ريالات|ريالا"),
    all(Code("QAR"), After, "ريال قطري|ر.ق"),
    all(Code("OMR"), After, "ريال عماني|ر.ع"),
    all(Code("AED"), Either, "aed"),
    all(Code("AED"), After, "درهم إماراتي|درهم اماراتي|د.إ|د.ا|dirhams|dirham|dhs"),
    all(Dirham, After, "درهم|دراهم|درهما"),
    all(Code("MAD"), After, "درهم مغربي"),
    all(Code("EGP"), Either, "egp"),
    all(Code("EGP"), After, "جنيه مصري|ج.م|جنيها مصريا"),
    all(ArabicPound, After, "جنيه|جنيها|جنيهات"),
    all(Code("KWD"), Either, "kwd"),
    all(Code("KWD"), After, "دينار كويتي|د.ك"),
    all(Code("JOD"), Either, "jod"),
    all(Code("JOD"), After, "دينار أردني|دينار اردني|د.أ"),
    all(Code("BHD"), After, "دينار بحريني|د.ب"),
    all(Code("IQD"), After, "دينار عراقي|د.ع"),
    all(Code("TND"), After, "دينار تونسي|د.ت"),
    all(Code("DZD"), After, "دينار جزائري|د.ج"),
    all(Dinar, After, "دينار|دنانير|دينارا"),
    all(Yen, Either, "¥"),
    all(Code("JPY"), Either, "jpy"),
    all(Code("JPY"), After, "yen|yenes|ien|йен|иен|иены|ين ياباني"),
    all(Code("CNY"), Either, "cny|rmb|cn¥"),
    all(Code("CNY"), Before, "人民币|人民幣|rmb¥"),
    all(Code("CNY"), After, "yuan|yuans|юаней|юаня|юань|يوان"),
    all(Code("KRW"), Either, "₩|krw"),
    all(Code("KRW"), After, "won sud-coréens|korean won"),
    only("en fr nl sv de it es pt", Cent, After, "cents|cent|centimes|céntimos|centesimi|centavos"),
    only("de", Cent, After, "ct"),
    only("en", Code("p"), After, "p|pence"),
    only("pl", Code("gr"), After, "groszy|gr|grosze|grosz"),
    only("ru", Code("kop"), After, "копеек|коп.|коп|копейки|копейка"),
    only("tr", Code("kuruş"), After, "kuruş|kuruşa"),
    only("sv", Code("öre"), After, "öre"),
];

/// Names that follow a number without a space in Japanese, Chinese and Korean; the longest of a beginning first.
pub(super) const EAST_ASIAN: &[(&str, Money)] = &[
    ("元人民币", Code("CNY")),
    ("块人民币", Code("CNY")),
    ("块钱", Yuan),
    ("块錢", Yuan),
    ("塊錢", Yuan),
    ("块", Yuan),
    ("塊", Yuan),
    ("元", Yuan),
    ("圆", Yuan),
    ("人民币", Code("CNY")),
    ("美元", Code("USD")),
    ("美金", Code("USD")),
    ("欧元", Code("EUR")),
    ("歐元", Code("EUR")),
    ("英镑", Code("GBP")),
    ("英鎊", Code("GBP")),
    ("日元", Code("JPY")),
    ("日圆", Code("JPY")),
    ("韩元", Code("KRW")),
    ("韓元", Code("KRW")),
    ("港币", Code("HKD")),
    ("港幣", Code("HKD")),
    ("港元", Code("HKD")),
    ("新台币", Code("TWD")),
    ("新台幣", Code("TWD")),
    ("台币", Code("TWD")),
    ("台幣", Code("TWD")),
    ("円", Code("JPY")),
    ("ユーロ", Code("EUR")),
    ("米ドル", Code("USD")),
    ("ドル", Code("USD")),
    ("ポンド", Code("GBP")),
    ("ウォン", Code("KRW")),
    ("人民元", Code("CNY")),
    ("원", Code("KRW")),
    ("유로", Code("EUR")),
    ("달러", Code("USD")),
    ("파운드", Code("GBP")),
    ("위안", Code("CNY")),
    ("엔", Code("JPY")),
];

/// Codes that are also words or abbreviations: read in capitals alone.
pub(super) const CAPITALS_ONLY: [&str; 9] =
    ["try", "ron", "ils", "zar", "nok", "cad", "sar", "rub", "aud"];

impl Money {
    /// The currency that is meant in a language and a region (ISO 3166, may be empty), and how many of its parts make
    /// one.
    pub(super) fn resolve(self, language: &str, region: &str) -> (&'static str, u64) {
        let code = match self {
            Code("p") => return ("GBP", 100),
            Code("gr") => return ("PLN", 100),
            Code("kop") => return ("RUB", 100),
            Code("kuruş") => return ("TRY", 100),
            Code("öre") => return ("SEK", 100),
            Cent => return (cent(language, region), 100),
            Code(code) => code,
            Dollar => dollar(region),
            Crown => match region {
                "NO" => "NOK",
                "DK" => "DKK",
                "IS" => "ISK",
                _ => "SEK",
            },
            Yen if language == "zh" || region == "CN" => "CNY",
            Yen => "JPY",
            Yuan => match region {
                "TW" => "TWD",
                "HK" => "HKD",
                _ => "CNY",
            },
            Peso => match region {
                "AR" => "ARS",
                "CL" => "CLP",
                "CO" => "COP",
                "PH" => "PHP",
                _ => "MXN",
            },
            Riyal => match region {
                "QA" => "QAR",
                "OM" => "OMR",
                "YE" => "YER",
                _ => "SAR",
            },
            Dirham if region == "MA" => "MAD",
            Dirham => "AED",
            Dinar => dinar(region),
            ArabicPound if region == "SD" => "SDG",
            ArabicPound => "EGP",
        };
        (code, 1)
    }

    /// Tells whether this is a part of a currency.
    pub(super) fn is_part(self) -> bool {
        matches!(self, Cent | Code("p" | "gr" | "kop" | "kuruş" | "öre"))
    }
}

fn dollar(region: &str) -> &'static str {
    match region {
        "CA" => "CAD",
        "AU" => "AUD",
        "NZ" => "NZD",
        "SG" => "SGD",
        "HK" => "HKD",
        "TW" => "TWD",
        "MX" => "MXN",
        "AR" => "ARS",
        "CL" => "CLP",
        "CO" => "COP",
        _ => "USD",
    }
}

fn dinar(region: &str) -> &'static str {
    match region {
        "JO" => "JOD",
        "BH" => "BHD",
        "IQ" => "IQD",
        "TN" => "TND",
        "DZ" => "DZD",
        "LY" => "LYD",
        _ => "KWD",
    }
}

fn cent(language: &str, region: &str) -> &'static str {
    match (language, region) {
        ("en", "IE") => "EUR",
        ("en", _) => dollar(region),
        ("pt", "" | "BR") => "BRL",
        ("es", "MX") => "MXN",
        _ => "EUR",
    }
}
