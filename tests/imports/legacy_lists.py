"""Lists of twenty people in the languages and the encodings that older programs write."""

from itertools import cycle, islice

_PEOPLE: dict[str, tuple[tuple[str, ...], str, str]] = {
    "German": (
        ("cp1252", "iso8859_15", "cp850", "cp437", "mac_roman"),
        "Jürgen Müller|Jörg Weiß|Bärbel Groß|Käthe Schäfer|Günter Krüger|Sören Böhm|Anna Schmidt"
        "|Björn Köhler|Ulrike Jäger"
        "|Thomas Fuß|Österreicher Öl|Hans Maier",
        "Köln|München|Düsseldorf|Nürnberg|Berlin|Würzburg|Gießen",
    ),
    "French": (
        ("cp1252", "iso8859_15", "cp850", "mac_roman"),
        "Hélène Lefèvre|François Noël|Chloé Mercier|Jérôme Bénard|Anaïs Forêt|Gaël Guérin|Inès Dupré"
        "|Rémi Côté|Marie Dubois"
        "|Benoît Gérard|Zoé Clément",
        "Orléans|Besançon|Nîmes|Saint-Étienne|Lyon|Béziers|Angoulême",
    ),
    "Spanish": (
        ("cp1252", "cp850", "mac_roman"),
        "José Núñez|María Fernández|Ramón Ibáñez|Sofía Gómez|Íñigo Martínez|Begoña Peña|Andrés López"
        "|Lucía Sánchez|Iván Ruiz"
        "|Ángel Muñoz|Mónica Gil",
        "Málaga|Córdoba|A Coruña|Cádiz|Madrid|Ávila|León",
    ),
    "Portuguese": (
        ("cp1252", "cp850"),
        "João Conceição|Inês Magalhães|António Simões|Lúcia Araújo|José Falcão|Conceição Gonçalves"
        "|Luís Guimarães|Ana Camões"
        "|Cláudia Patrício|Estêvão Nóbrega",
        "São Paulo|Évora|Covilhã|Maceió|Lisboa|Guimarães|Brasília",
    ),
    "Swedish": (
        ("cp1252", "cp850"),
        "Åsa Lindström|Göran Sjöberg|Björn Åkesson|Märta Öberg|Lars Nilsson|Håkan Nyström|Pär Bäckman|Örjan Ek",
        "Malmö|Göteborg|Västerås|Örebro|Umeå|Stockholm|Växjö",
    ),
    "Danish": (
        ("cp1252", "iso8859_15"),
        "Søren Kjær|Jørgen Østergaard|Åse Bæk|Bjørn Nørgaard|Mette Højgaard|Lærke Sørensen|Kåre Holm|Anders Ærø",
        "København|Ærøskøbing|Helsingør|Aarhus|Næstved|Ringkøbing",
    ),
    "Polish": (
        ("cp1250", "iso8859_2", "cp852"),
        "Łukasz Bąk|Zofia Wiśniewska|Mieczysław Źródło|Grażyna Święcicka|Paweł Wójcik"
        "|Małgorzata Dąbrowska|Michał Kozłowski"
        "|Żaneta Jabłońska|Jan Nowak|Święto Ćwik",
        "Łódź|Kraków|Gdańsk|Wąbrzeźno|Warszawa|Poznań|Częstochowa",
    ),
    "Czech": (
        ("cp1250", "iso8859_2", "cp852"),
        "Jiří Šťastný|Žaneta Dvořáková|Tomáš Čech|Věra Růžičková|Ondřej Novák|Zdeněk Kříž|Lukáš Říha"
        "|Petr Ševčík|Eva Malá"
        "|Božena Němcová",
        "Plzeň|Třebíč|Ústí nad Labem|Děčín|Praha|Kroměříž|Žďár",
    ),
    "Hungarian": (
        ("cp1250", "iso8859_2", "cp852"),
        "Erdős Pál|Szűcs Jenő|Kovács Béla|Tőkés László|Fülöp Ágnes|Győri Zoltán|Örkény István"
        "|Hűvös Gergő|Nagy Anna|Bártfai Ödön",
        "Győr|Pécs|Szőreg|Gödöllő|Budapest|Székesfehérvár|Hódmezővásárhely",
    ),
    "Romanian": (
        ("cp1250", "iso8859_2"),
        "Ştefan Păun|Ioana Mureşan|Ţîrlea Ană|Mihăiţă Bălan|Cătălin Vîlcu|Răzvan Stănescu"
        "|Florenţa Şerban|Ion Popa|Sânziana Câmpeanu",
        "Bucureşti|Constanţa|Iaşi|Timişoara|Cluj|Târgu Mureş|Brăila",
    ),
    "Croatian": (
        ("cp1250", "iso8859_2"),
        "Željko Kovačić|Đorđe Šimić|Marija Božić|Ivana Perišić|Dražen Čović|Luka Horvat|Nataša Žunić|Anđela Matić",
        "Šibenik|Požega|Zagreb|Čakovec|Varaždin|Split",
    ),
    "Turkish": (
        ("cp1254", "iso8859_9"),
        "Çağrı Şahin|Gökçe Yıldız|İbrahim Öztürk|Şule Çelik|Oğuz Kılıç|Ayşe Gül|Ümit Doğan|Büşra Aydın"
        "|Mehmet Demir|Işıl Güneş",
        "İstanbul|Muğla|Eskişehir|Diyarbakır|Ankara|Kırşehir|Çanakkale",
    ),
    "Lithuanian": (
        ("cp1257",),
        "Živilė Kazlauskienė|Jūratė Žukauskaitė|Šarūnas Jankūnas|Rūta Petrauskienė|Ąžuolas Čepaitis"
        "|Jonas Mažeika|Eglė Vaitkevičiūtė",
        "Šiauliai|Panevėžys|Vilnius|Klaipėda|Kėdainiai|Mažeikiai",
    ),
    "Russian": (
        ("cp1251", "koi8_r", "cp866", "iso8859_5"),
        "Иван Петров|Ольга Смирнова|Юрий Щербаков|Наталья Жукова|Алексей Соловьёв|Мария Кузнецова"
        "|Дмитрий Цой|Елена Фомина",
        "Москва|Казань|Нижний Новгород|Екатеринбург|Самара|Пермь",
    ),
    "Thai": (
        ("cp874",),
        "สมชาย ใจดี|สมหญิง รักไทย|ประเสริฐ ศรีสุข|วิชัย แก้วมณี",
        "กรุงเทพมหานคร|เชียงใหม่|ขอนแก่น",
    ),
    "Ukrainian": (
        ("cp1251", "koi8_u"),
        "Олександр Шевченко|Наталія Ткаченко|Юлія Бойко|Андрій Мельник|Їлена Ґедзь|Володимир Коваль|Євген Лисенко",
        "Київ|Львів|Харків|Одеса|Дніпро|Чернівці",
    ),
    "Greek": (
        ("cp1253", "iso8859_7"),
        "Γιώργος Παπαδόπουλος|Ελένη Νικολάου|Δημήτρης Ιωάννου|Μαρία Χατζή|Κώστας Ψαρράς|Άννα Ξένου",
        "Αθήνα|Θεσσαλονίκη|Πάτρα|Ηράκλειο|Λάρισα",
    ),
    "Hebrew": (
        ("cp1255",),
        "משה כהן|שרה לוי|דוד מזרחי|רחל פרץ|יוסף ביטון|נועה אברהם|איתן פרידמן",
        "תל אביב|ירושלים|חיפה|באר שבע",
    ),
    "Arabic": (
        ("cp1256",),
        "محمد علي|فاطمة حسن|أحمد إبراهيم|خالد يوسف|نور الدين|ليلى منصور|سارة عبد الله",
        "القاهرة|الرياض|بغداد|دمشق",
    ),
    "Japanese": (
        ("cp932", "euc_jp", "iso2022_jp"),
        "山田太郎|佐藤花子|鈴木ハナコ|高橋健一|渡辺さくら|伊藤美咲|小林ケンジ|加藤直樹|吉田由美|斎藤翔太",
        "東京都港区|大阪市|京都市|横浜市|札幌市|名古屋市",
    ),
    "Japanese, kanji alone": (
        ("cp932", "euc_jp"),
        "山田太郎|佐藤花子|鈴木一郎|高橋健一|渡辺桜|伊藤美咲|小林賢治|加藤直樹|吉田由美|斎藤翔太",
        "東京|大阪|京都|横浜|札幌|名古屋",
    ),
    "Chinese": (
        ("gb18030",),
        "王小明|李华|张伟|刘芳|陈静|杨丽娟|赵强|黄磊|周杰|吴敏",
        "北京市|上海市|广州|深圳|成都|武汉",
    ),
    "Chinese, traditional": (
        ("big5",),
        "陳志明|林怡君|黃家豪|張淑芬|李美玲|王建國|吳雅婷|劉俊傑|蔡宗翰|楊惠雯",
        "台北市|高雄市|台中市|新竹|台南",
    ),
    "Korean": (
        ("cp949",),
        "김민수|이영희|박지훈|최서연|정수빈|강동원|조현우|윤아름|장미란|임재범",
        "서울특별시|부산|대구|인천|광주|대전",
    ),
}


def text(language: str) -> str:
    _, people, places = _PEOPLE[language]
    rows = islice(zip(cycle(people.split("|")), cycle(places.split("|")), strict=False), 20)
    return "Email,Name,City\r\n" + "".join(
        f"user{number}@example.com,{name},{place}\r\n" for number, (name, place) in enumerate(rows)
    )


CASES = [(language, encoding) for language, (encodings, _, _) in _PEOPLE.items() for encoding in encodings]
