//! Turkish.

use super::{NONE, Unit, Words};
use crate::entities::lexicon::Joints;

pub(super) const TURKISH: Words = Words {
    language: "tr",
    months: [
        "ocak", "şubat", "mart", "nisan", "mayıs", "haziran", "temmuz", "ağustos", "eylül", "ekim",
        "kasım", "aralık",
    ],
    short_months: ["oca", "şub", "mar", "nis", "", "haz", "tem", "ağu", "eyl", "eki", "kas", "ara"],
    weekdays: [
        "pazartesi",
        "salı",
        "çarşamba",
        "perşembe",
        "cuma",
        "cumartesi",
        "pazar günü|pazara|pazardan|pazar gunu",
    ],
    short_weekdays: ["pzt", "sal", "çar|çrş", "per|prş", "cum", "cmt", "paz"],
    doubtful_weekdays: ["", "", "", "", "", "", "pazar"],
    days: &[
        (0, "bugün|bu gün|bugünkü"),
        (-1, "dün|dünden|dünkü"),
        (-2, "evvelsi gün|evvelki gün|önceki gün|evelsi gün"),
        (1, "yarın|yarına|yarınki"),
        (2, "öbür gün|yarından sonra|ertesi günün sonrası"),
    ],
    weeks: &[
        (-1, "geçen hafta|geçtiğimiz hafta|önceki hafta"),
        (0, "bu hafta"),
        (1, "haftaya|gelecek hafta|önümüzdeki hafta|öbür hafta"),
    ],
    months_away: &[
        (-1, "geçen ay|geçtiğimiz ay"),
        (0, "bu ay"),
        (1, "gelecek ay|önümüzdeki ay|seneye ay"),
    ],
    last: "geçen|geçtiğimiz",
    next: "gelecek|önümüzdeki|haftaya",
    this: "bu",
    day_units: "gün|gun",
    week_units: "hafta",
    month_units: "ay",
    counted_units: &[(Unit::Week, 1, "1 hafta")],
    numbers: &[
        "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz", "on", "on bir",
        "on iki", "on üç", "on dört", "on beş",
    ],
    ago_after: "önce|evvel|öncesi",
    ahead_after: "sonra|sonraya|sonrası",
    links: "",
    ordinals: &[],
    day_number_before: "ayın",
    since: "beri|itibaren|bu yana",
    until: "kadar|dek|önce|değin",
    on: "günü|sabahı|akşamı",
    month_before: "geçen|bu|gelecek|önümüzdeki",
    month_after: "ayı|ayında|ayından|ayının|ayındaki|ayına|başı|başında|sonu|sonunda|sonuna|ortası|ortasında",
    recurring: "her|günleri",
    through: "ile",
    ignored: "her ayın|her gün|her hafta|iş günü|günde|ertesi gün|black friday|efsane cuma|muhteşem cuma|büyük cuma|kara cuma|\
              haftada|hafta içi|hafta sonu|haftasonu|bu hafta sonu|geçen hafta sonu|gelecek hafta sonu|önceden|bir gün|geçen gün|ayda",
    past: "dedi|dediniz|dediler|geçen|dün|önce|yapmıştım|beri|almıştım|aldım|verdim|gelmedi|geldi|oldu|yoktu|vardı|edildi|gözüküyor",
    future: "kadar|lazım|gerek|yarın|olur|lütfen|istiyorum|gerekiyor|eğer|mı|mi|gelir|gelsin|yetişir|gelecek|olacak|dek|\
             yetişmesi|biter|bitiyor|uçuyorum|alır|getirsin|getirsinler|evde|düğün|var|taşınıyorum|gidiyorum",
    past_endings: "dım|dim|dum|düm|tım|tim|tum|tüm|dı|di|du|dü|tı|ti|tu|tü|dık|dik|tık|tik|mıştı|mişti|muştu|mıştım|miştim|\
                   muştum|dılar|diler|dular|mış|miş|muş|dınız|diniz|dunuz",
    future_endings: "acak|ecek|acağım|eceğim|acaksınız|sınlar|sinler|abilir|ebilir|ırım|irim|acağız|eceğiz|acaklar|ecekler",
    joints: Joints {
        prefixes: &[],
        endings: &[
            "da", "de", "ta", "te", "dan", "den", "tan", "ten", "e", "a", "ya", "ye", "yi", "i",
            "u", "nin", "in", "un", "ki", "ndan", "nden", "nda", "nde", "daki", "deki", "taki",
            "teki", "si", "dir", "leyin", "siydi", "ydi",
        ],
    },
    ..NONE
};
