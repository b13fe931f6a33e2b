//! Parts of notices that firms and programs put under every mail; folded. Each is a formula that nobody writes by hand.

pub(in crate::text) const FOOTERS: &[&str] = &[
    // English
    "intended recipient", "intended only for", "intended solely for", "may contain confidential", "may contain privileged",
    "legally privileged", "confidentiality notice", "this message is confidential", "this email is confidential and",
    "this e-mail is confidential and", "received it in error, please", "received this email in error",
    "received this e-mail in error", "received this message in error", "checked for viruses by", "scanned for viruses",
    "virus-free. www", "virus-free.www", "before printing this e", "environment before printing",
    "click here to unsubscribe", "to unsubscribe from this list", "to unsubscribe, click", "you are receiving this email because",
    "you received this email because", "this email is a service from", "delivered by zendesk", "powered by zendesk",
    "powered by freshdesk", "registered in england",
    // German
    "diese e-mail enthält vertrauliche", "diese e-mail kann vertrauliche", "diese nachricht enthält vertrauliche", "diese mail enthält vertrauliche",
    "nicht der richtige adressat", "nicht der beabsichtigte empfänger", "nicht der vorgesehene empfänger",
    "diese e-mail irrtümlich erhalten", "vernichten sie diese", "rechtlich geschützte informationen", "bevor sie diese e-mail ausdrucken",
    "bevor sie diese mail ausdrucken", "auf viren geprüft", "auf viren überprüft", "virenfrei. www", "virenfrei.www", "an die umwelt, bevor sie",
    // Turkish
    "bu e-posta ve ekleri", "bu elektronik posta", "bu e-posta mesajı", "bu mesaj ve ekleri", "gizli bilgi içerebilir",
    "yanlışlıkla aldıysanız", "yanlışlıkla ulaştıysa", "virüslere karşı", "virüs bulunmuyor", "yazdırmadan önce çevreyi",
    // Japanese
    "本メールに含まれる情報", "本メールには機密", "このメールには機密", "意図された受信者", "誤って受信された場合", "誤送信の場合",
    "ウイルス チェック済み", "ウイルスフリー",
    // Chinese
    "本邮件及其附件", "本郵件及其附件", "本邮件包含保密", "如果您错误地收到", "如您误收", "非指定收件人", "此电子邮件没有病毒", "无病毒。www",
    // French
    "ce message et ses pièces jointes", "ce message et toutes les pièces jointes", "ce courriel et ses pièces jointes",
    "ce message est confidentiel", "informations confidentielles. si", "reçu ce message par erreur", "reçu cet e-mail par erreur", "avant d'imprimer ce",
    "n'imprimez ce", "sans virus.www", "sans virus. www", "recherche de virus",
    // Spanish
    "este mensaje y sus adjuntos", "este mensaje y sus archivos adjuntos", "este mensaje se dirige exclusivamente", "este correo electrónico y",
    "va dirigido exclusivamente", "recibido este mensaje por error", "recibido este correo por error", "antes de imprimir este",
    "libre de virus", "información confidencial y", "protección de datos, le informamos",
    // Italian
    "le informazioni contenute in questo messaggio", "le informazioni contenute in questa", "ai sensi del regolamento ue 2016/679",
    "ai sensi del d.lgs", "ricevuto questo messaggio per errore", "ricevuto per errore", "privo di virus", "prima di stampare questa",
    "ad uso esclusivo del destinatario",
    // Portuguese
    "esta mensagem e seus anexos", "esta mensagem e os seus anexos", "esta mensagem pode conter", "este e-mail e seus anexos", "recebeu esta mensagem por engano",
    "recebeu este e-mail por engano", "recebido esta mensagem por engano", "antes de imprimir este", "antes de imprimir esta", "livre de vírus", "informações confidenciais e",
    // Dutch
    "dit bericht is uitsluitend bestemd", "deze e-mail is uitsluitend bestemd", "de informatie in dit e-mailbericht", "de informatie verzonden met dit",
    "dit e-mailbericht is vertrouwelijk", "dit bericht ten onrechte", "deze e-mail ten onrechte", "niet de geadresseerde", "voordat u deze e-mail print", "virusvrij.www", "virusvrij. www",
    // Polish
    "niniejsza wiadomość", "ta wiadomość e-mail", "wiadomość ta zawiera informacje poufne", "nie jest pan/pani adresatem", "otrzymali państwo tę wiadomość omyłkowo",
    "zanim wydrukujesz", "wolna od wirusów", "wolny od wirusów",
    // Swedish
    "detta e-postmeddelande", "detta meddelande är avsett", "detta mail och", "fått detta meddelande av misstag", "fått detta e-post", "innan du skriver ut detta", "virusfri.www", "virusfri. www",
    // Russian
    "данное сообщение и любые", "это сообщение и любые", "это электронное сообщение", "данное электронное сообщение", "получили это сообщение по ошибке",
    "получили данное сообщение по ошибке", "содержит конфиденциальную информацию", "без вирусов. www", "проверено на вирусы",
    // Arabic
    "هذه الرسالة ومرفقاتها", "هذه الرسالة وأي مرفقات", "هذا البريد الإلكتروني وأي", "قد تحتوي هذه الرسالة على معلومات سرية", "استلمت هذه الرسالة عن طريق الخطأ",
    // Korean
    "본 메일은 지정된 수신인", "본 메일에는 기밀", "본 이메일은 지정된", "본 전자우편", "잘못 수신하신 경우", "바이러스가 없습니다. www",
];
