"""Sentences for the fixtures: what the small tokenizers are trained on, and the messages of golden.json."""

TOKENIZER_TEXTS = """
Where is my order? It was sent last week and the tracking page says nothing.
I want to cancel my order, please send the money back to my card.
The parcel arrived damaged, the box was open and one cup is broken.
Can I return the shoes and get a bigger size instead?
When will I get my refund? I have been waiting for two weeks.
My discount code does not work at the checkout.
Hello! Thank you so much, the dress is lovely and it fits perfectly.
This is the third time I write. I will call my lawyer if nobody answers.
Do you ship to Norway, and how long does it take?
I was charged twice for order 4711, please check the payment.
Wo bleibt meine Bestellung? Sie sollte schon am Montag ankommen.
Ich möchte die Schuhe zurückschicken und mein Geld zurück.
Das Päckchen ist beschädigt, die Tasse ist zerbrochen.
Vielen Dank für die schnelle Lieferung, alles super!
Bitte stornieren Sie die Bestellung 4711 und schreiben Sie mir eine Rechnung.
Siparişim nerede? Kargo takip sayfasında hiçbir şey yok.
İade etmek istiyorum, ayakkabı çok küçük geldi.
Param hâlâ hesabıma geçmedi, lütfen yardım edin.
Çok teşekkür ederim, elbise çok güzel.
Où est ma commande ? Le colis devait arriver hier.
Je voudrais annuler ma commande et être remboursé.
Le vase est arrivé cassé, c'est la deuxième fois.
¿Dónde está mi pedido? Llevo dos semanas esperando.
Quiero devolver los zapatos, me quedan pequeños.
¡Muchas gracias, llegó todo muy rápido!
Dov'è il mio ordine? Il pacco non è ancora arrivato.
Quero cancelar o meu pedido e receber o reembolso.
Waar blijft mijn bestelling? Ik wacht al twee weken.
Gdzie jest moje zamówienie? Paczka miała przyjść wczoraj.
Var är min beställning? Paketet skulle komma igår.
Где мой заказ? Посылка должна была прийти вчера.
Хочу вернуть обувь, верните деньги на карту.
Спасибо большое, всё пришло очень быстро!
أين طلبي؟ لم يصل الطرد بعد.
أريد إلغاء الطلب واسترجاع المال.
注文した商品がまだ届きません。いつ届きますか。
返品したいです。サイズが小さいです。
とても素敵です。ありがとうございました。
我的订单在哪里？已经两个星期了，还没有收到。
我想退货，鞋子太小了，请退款。
非常感谢，东西很好！
주문한 상품이 아직 안 왔어요. 언제 오나요?
환불하고 싶어요. 신발이 너무 작아요.
감사합니다, 정말 마음에 들어요!
""".strip().splitlines()

GOLDEN_TEXTS = [
    "refund",
    "Hi!",
    "😡😡😡",
    "Where is my order 4711?",
    "WHERE IS MY ORDER??? third time I ask...",
    "Ich möchte die Schuhe zurückschicken, sie sind zu klein.",
    "Ich mo\u0308chte zuru\u0308ckschicken",  # combining marks instead of precomposed letters
    "İade etmek istiyorum, ISPARTA'ya gönderdiğiniz ayakkabı küçük.",
    "Je voudrais annuler ma commande n° 88-12 et être remboursé.",
    "Где мой заказ? Посылка не пришла.",
    "أين طلبي؟ لم يصل الطرد بعد.",
    "注文した商品がまだ届きません。",
    "我的订单在哪里？还没有收到 iPhone 15。",
    "환불하고 싶어요. 신발이 너무 작아요.",
    "สินค้ายังไม่มาเลย",  # a script that no tokenizer here has seen
    "  two  spaces,\ta tab\nand a new line  ",
    "Half-width ｶﾞ and full-width ＡＢＣ１２３ ①",
    "<b>order</b> [see attached] {#4711} \o/",
    "The parcel arrived damaged 📦💔 and nobody answers. Thank you for nothing 👎🏽",
]

LONG_TEXT = (
    "Hello, I was charged twice for order 4711 and the parcel has not arrived. Wo bleibt meine Bestellung? "
    "Siparişim nerede? Je voudrais être remboursé. 请退款。 If nobody answers this week I will call my lawyer."
)
