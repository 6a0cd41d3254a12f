"""How probable it is that a person wrote a text: each language is known by its letters beyond ASCII.

Lists contain names and places, so whole words are rare, and letters must be enough. All that is known of a
language is the order of its letters, the most frequent first. The numbers are natural logarithms of rough
probabilities.
"""

import functools
import math
import unicodedata
from collections import Counter

import msgspec

MISPLACED = -7.0
_PUNCTUATION = -3.0
_RARE_SIGN = -10.0
_COMMON_SIGN = -5.0
_KANA = -4.0
_MARKS = frozenset("“”„‘’‚–—…€«»°©®™№§ªº¿¡´·•£½¼\u00a0\u3000、。・「」（）ー－，．")
_WITHIN_WORDS = frozenset("’·\u00ad")
_OPENING = frozenset("„‘‚¿¡")

_LATIN = {
    "äüößÄÖÜéèáóôëñçøåšžíč": 0.0,  # German, with its neighbours' names
    "éèêçàôîïûëùâœæÿÉÈÇÀÊÔÎ": 0.0,  # French
    "íáóéñúüÁÓÍÉÑÚç": 0.0,  # Spanish
    "ãçáéíóêõâôúàÁÉÍÓÂÇÚü": 0.0,  # Portuguese
    "àèéìòùÀÈÉÌÒÙ": -0.5,  # Italian
    "ëéïöüèçáÉ": -0.5,  # Dutch
    "äöåéÅÄÖüèÉ": -0.5,  # Swedish, Finnish
    "øåæéöäØÅÆüóÉ": -0.5,  # Danish, Norwegian
    "áðíóöþæúýéÁÞÓÍÖÆÚÝÐÉ": -2.0,  # Icelandic
    "äõüöšžÕÄÜÖŠŽ": -2.0,  # Estonian
    "łóąężśćńźŁŚŻŹÓĆŃĄĘ": -1.0,  # Polish
    "áíéěřšýčžůúťňóďŠČŽŘÚĎŤÁÍÉŇÝöü": -1.0,  # Czech
    "áíéčšýžľťúôňóäďŠČŽĽŤÁÚĎŇŕĺöü": -1.0,  # Slovak
    "áéöóüőíúűÁÉÖÓŐÜŰÍÚä": -1.0,  # Hungarian
    "ăîâşţșțŞŢȘȚÎÂĂ": -1.0,  # Romanian
    "\u0323\u0301đ\u0300êâôươ\u0309\u0303ăĐàáéíóúèìÂÔƠƯÊĂ": -1.5,  # Vietnamese, in windows-1258
    "ščćžđŠČŽĆĐ": -1.0,  # Croatian, Slovene, Serbian
    "ıüşçöğİÇŞÜÖĞâîû": -1.0,  # Turkish
    "ėųšžūąįčęŠŽČĖŪĮŲ": -1.5,  # Lithuanian
    "āīēšūņžļķģčŠĀĒŽĶĻŅČĢĪŪ": -1.5,  # Latvian
}
_SCRIPTS = {
    "аоеинрвтслкмдуяпйзгбычшюьхжцщэфёъ": -1.0,  # Russian, Bulgarian
    "аоинеівркстлмдупкзяьгйбчхшюцїжєфщґ": -1.5,  # Ukrainian
    "аоиенсрвјтклмдпугзбцчшжњхљћђфџ": -1.5,  # Serbian
    "ασοιηντελκπρυμςάόίγέδθχωφβήζύώξψϊϋΐΰ": -1.0,
    "יולהראמבנתשדקחגעזפסטצכםןךףץ": -1.0,
    "امينلردهعبسحوفكقجتةشخطصغضزثذءئأىؤإظآ": -1.0,
    "านรอกเงยลมตวสดทปคบพหแชจไะใโขถศซณผธภญฐษฉฟฆฝฏฎฬำิีึืุู็่้๊๋์ั": -1.0,  # Thai
}
_JAPANESE = (
    "山田中村佐藤鈴木高橋子郎美東京大阪市区県本川島小林加吉井野松伊渡辺部斎清水森池石原岡上下前後藤近遠内西南北谷口三四五一二"
    "太花次介助和幸恵真由香裕健翔陽菜愛葵蓮誠明正智浩隆広久千葉神奈名古屋横浜福札幌仙台埼玉静岡兵庫都道府町丁目社株式会商店有限"
    "沢宮崎長新平安河岩今坂青秋春夏冬竹梅桜杉柴菊金関増永尾樋服堀星浅土荒黒白赤丸熊馬鳥之彦雄一樹輝哉奈々穂"
)
_CHINESE = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田"
    "明华国伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛超平刚桂文小大北京上海广州深圳天津重庆成都武汉南西安杭苏东山江省市区县公司有限中新"
    "建红玉龙春梅兰云飞宇浩欣怡思雨晨子一家志"
)
_CHINESE_TRADITIONAL = (
    "王李張劉陳楊趙黃周吳徐孫胡朱高林何郭馬羅梁宋鄭謝韓唐馮于董蕭程曹袁鄧許傅沈曾彭呂蘇盧蔣蔡賈丁魏薛葉余潘杜戴夏鍾汪田江方"
    "明華國偉芳娜秀英敏靜麗強軍勇傑文小大北京上海臺台灣中南高雄新竹香港九龍東山省市區縣公司有限建志家豪怡君雅婷淑惠美玲玉宗俊信"
)
_KOREAN = (
    "김이박최정강조윤장임한오서신권황안송류유홍전고문손양배백허남심노하곽성차주우구민진지나엄채원천방공현함변염여추도소석선설마길"
    "연위표명기반라왕금옥육인맹제모탁국어은편용수영철준호민서연예지윤하은도현우진혜희경숙자미정순재훈동건태상규승병찬울부산대구광시"
    "세종충북청경전제특별읍면동로가회사주식한글사람해리아보다나림빛별"
)
_EAST_ASIAN = {
    "cp932": _JAPANESE,
    "euc_jp": _JAPANESE,
    "gb18030": _CHINESE,
    "big5": _CHINESE_TRADITIONAL,
    "cp949": _KOREAN,
}


class _Language(msgspec.Struct, frozen=True, kw_only=True):
    """`prior`: how probable the language is before the text is read. `weights`: letter -> log-probability."""

    prior: float
    weights: dict[str, float]


def likelihood(text: str, encoding: str) -> float:
    """The log-likelihood of the characters beyond ASCII, in the language that fits best."""
    letters: Counter[str] = Counter()
    marks = misplaced = 0
    padded = f" {text} "
    for before, character, after in zip(padded, text, padded[2:], strict=False):
        if character <= "\x7f":
            continue
        if _fits(before, character, after):
            if character in _MARKS:
                marks += 1
            else:
                letters[character] += 1
        else:
            misplaced += 1
    best = _east_asian(letters, _EAST_ASIAN[encoding]) if encoding in _EAST_ASIAN else _alphabetic(letters)
    return best + _PUNCTUATION * marks + MISPLACED * misplaced


def _fits(before: str, character: str, after: str) -> bool:
    """Whether the character can be between these two."""
    if character in _MARKS:
        if before.isalpha():
            return character in _WITHIN_WORDS or not (after.isalpha() or character in _OPENING)
        return character != "’" or not after.isalpha()
    if not character.isalpha():
        # An accent, or a vowel of Thai, belongs to the letter before it.
        return _is_mark(character) and (before.isalpha() or _is_mark(before))
    script = _script(character)
    if any(neighbour.isalpha() and _script(neighbour) != script for neighbour in (before, after)):
        return False
    if character.isupper():
        return not before.islower()
    return character == "ß" or not (character.islower() and after.isupper())


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) == "Mn"


@functools.cache
def _script(character: str) -> str:
    if character.isascii():
        return "LATIN"
    script = unicodedata.name(character, "").split(" ")[0]
    return (
        "EAST" if script in ("CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH", "KATAKANA-HIRAGANA", "HANGUL") else script
    )


def _alphabetic(letters: Counter[str]) -> float:
    return max(
        language.prior + sum(count * language.weights.get(letter, MISPLACED) for letter, count in letters.items())
        for language in _languages()
    )


@functools.cache
def _languages() -> list[_Language]:
    latin = [_Language(prior=prior, weights=_weights(letters)) for letters, prior in _LATIN.items()]
    scripts = [
        _Language(prior=prior, weights={**_upper(weights), **weights})
        for weights, prior in ((_weights(letters), prior) for letters, prior in _SCRIPTS.items())
    ]
    return latin + scripts


def _upper(weights: dict[str, float]) -> dict[str, float]:
    return {letter.upper(): weight for letter, weight in weights.items()}


def _weights(letters: str) -> dict[str, float]:
    """The frequency of the n-th letter is proportional to 1/n (Zipf's law)."""
    total = sum(1 / rank for rank in range(1, len(letters) + 1))
    return {letter: -math.log(rank * total) for rank, letter in reversed(list(enumerate(letters, 1)))}


def _east_asian(letters: Counter[str], common: str) -> float:
    kana = common is _JAPANESE
    return sum(count * _sign(letter, common, kana=kana) for letter, count in letters.items())


def _sign(letter: str, common: str, *, kana: bool) -> float:
    if "\u3041" <= letter <= "\u30ff":
        return _KANA if kana else _RARE_SIGN
    if "\uff66" <= letter <= "\uff9f":  # half-width katakana: only old systems write it
        return MISPLACED
    if letter in common:
        return _COMMON_SIGN
    return _RARE_SIGN if _script(letter) == "EAST" else 2 * MISPLACED
