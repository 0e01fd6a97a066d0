"""Asks expat, the reference of XML parsers, what it makes of stanzas good and bad; prints a table for expat.rs.

One line for each case: the stanza with everything but printable ASCII escaped, a tab, and either `-` or what was read:
(namespace|name @namespace|name="value" "text" (child)).
"""

import re
from xml.parsers import expat

HEADER = (b"<?xml version='1.0'?><stream:stream to='c' version='1.0' xmlns='jabber:client' "
          b"xmlns:stream='http://etherx.jabber.org/streams'>")
END = b"</stream:stream>"

# Each is mutated below, so they are short and every kind of markup is in one of them.
SEEDS = [
    b"<message to='a@b/c' type=\"chat\"><body>hi &amp; &#x41;&#65;</body></message>",
    b"<x:a xmlns:x='urn:x' x:b='1' b = '2'\n><x:c/></x:a >",
    b"<iq><![CDATA[a<b]]>]]<q xmlns='urn:q' xml:lang='d'/></iq>",
    "<\u00e9 \u00e8='\u20ac'>\U0001f600\u00a0</\u00e9>".encode(),
]

# What is put in the place of, or before, bytes of the seeds.
PIECES = [b"<", b">", b"&", b"'", b"\"", b"/", b"=", b":", b" ", b"]]>", b"\x01", b"\xff", b"a", b"1", b"-", b"!", b";", b"\t\r\n"]

CASES = [
    # Names
    b"<a-b.c_1/>", b"<_a/>", b"<-a/>", b"<.a/>", b"<1a/>", b"<:a/>", b"<a:/>", b"<a::b/>", b"<stream:a/>", b"<stream:a:b/>",
    b"<stream:1/>", b"<stream:-/>", b"<a b:='1'/>", b"<a :b='1'/>", b"<a b:c:d='1'/>", b"<a@b/>", b"<a$/>", b"<a b$='1'/>",
    "<\u00e9/>".encode(), "<\u00d7/>".encode(), "<a\u00b7/>".encode(), "<\u00b7/>".encode(), "<a\u0300/>".encode(),
    "<\u0300/>".encode(), "<a\u00d7/>".encode(), "<\u4e00/>".encode(), "<a \u00e9='1'/>".encode(), "<a \u00b7='1'/>".encode(),
    # Tags
    b"<a/>", b"<a />", b"<a\t\r\n/>", b"<a></a>", b"<a></a >", b"<a></a\n>", b"<a></ a>", b"< a/>", b"<a/ >", b"<a / >", b"<a//>",
    b"<a></a/>", b"<a></a b='c'>", b"<a></a b>", b"<a></b>", b"<a></A>", b"<a><b></a></b>", b"<a><b></b></b></a>", b"<a>", b"</a>",
    b"<>", b"</>", b"<a></>", b"<a", b"<a b='c'", b"<a></a", b"<<a/>", b"<a/>>", b"<a>></a>", b"<a<b/>", b"<a <b/>/>", b"<a/><b/>",
    b"<stream:a></stream:b>", b"<x:a xmlns:x='u' xmlns:y='u'></y:a>", b"<a b='c'></a>", b"<a><b/>t<c>u</c>v</a>",
    # Attributes
    b"<a b/>", b"<a b=/>", b"<a b=c/>", b"<a b='c/>", b"<a b=\"c'/>", b"<a b='c\"/>", b"<a b=\"c'd\"/>", b"<a b='c\"d'/>",
    b"<a b='1'c='2'/>", b"<a b='1' c='2'/>", b"<a b='1'\nc='2'/>", b"<ab='1'/>", b"<a b ='1'/>", b"<a b= '1'/>", b"<a b\n=\n'1'/>",
    b"<a b=''/>", b"<a ='1'/>", b"<a b=='1'/>", b"<a b='1'/ >", b"<a b='1' />", b"<a b='>'/>", b"<a b='/>'/>", b"<a b='<'/>",
    b"<a b=']]>'/>", b"<a b='&lt;'/>", b"<a b='&amp;lt;'/>", b"<a b='&'/>", b"<a b='& '/>", b"<a b='&lt'/>", b"<a b='a;b'/>",
    b"<a b='1' b='2'/>", b"<a b='1' B='2'/>", b"<a b='1' c='2' b='3'/>", b"<a b='\x01'/>", b"<a b='\x7f'/>", b"<a b='\x00'/>",
    b"<a b='1\n2\r3\r\n4\t5  6'/>", b"<a b=' 1 '/>", b"<a b='&#9;&#10;&#13;&#32;'/>", b"<a b='&#xD;&#xA;'/>", b"<a b='1'x c='2'/>",
    b"<a b='&lt;&gt;&amp;&apos;&quot;'/>", b"<a b='\r\n\r\n'/>", b"<a b='\r\r'/>", b"<a b='\n\r'/>", b"<a b='\r&#10;'/>",
    # Namespaces
    b"<x:a/>", b"<a x:b='1'/>", b"<a><x:b/></a>", b"<a xmlns:x='u'><x:b/></a>", b"<a><b xmlns:x='u'/><x:c/></a>",
    b"<x:a xmlns:x='u'><x:b xmlns:x='v'/><x:c/></x:a>", b"<a xmlns='u'><b/></a>", b"<a xmlns=''><b/></a>",
    b"<a xmlns='u'><b xmlns=''><c/></b><d/></a>", b"<a xmlns:x=''/>", b"<a xmlns:x='u'><b xmlns:x=''/></a>",
    b"<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", b"<a xmlns:xml='u'/>", b"<a xmlns:xml=''/>",
    b"<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>", b"<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
    b"<a xmlns:xmlns='u'/>", b"<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>", b"<a xmlns:x='http://www.w3.org/2000/xmlns/'/>",
    b"<a xmlns='http://www.w3.org/2000/xmlns/'/>", b"<xmlns:a/>", b"<xml:a/>", b"<a xml:b='1'/>", b"<xmlns/>", b"<xmlnsa/>",
    b"<a xmlnsb='1'/>", b"<a xmlns:='u'/>", b"<a xmlns='u' xmlns='v'/>", b"<a xmlns:x='u' xmlns:x='u'/>",
    b"<a xmlns:x='u' x:b='1' b='2'/>", b"<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>", b"<a xmlns='u' xmlns:y='u' b='1' y:b='2'/>",
    b"<a xmlns:x='u' xmlns:y='v' x:b='1' y:b='2'/>", b"<a x:b='1' xmlns:x='u'/>", b"<x:a xmlns:x='a&amp;b&#x21;'/>",
    b"<x:a xmlns:x=' u\tv '/>", b"<a xmlns:x='U' xmlns:y='u' x:b='1' y:b='2'/>", b"<a xml:lang='d' xml:lang='e'/>",
    b"<a xmlns:X='u'><x:b/></a>", b"<a xmlns:stream='u'><stream:b/></a>", b"<a xmlns:x='u' x='1'/>", b"<a xmlns:xmlfoo='u'/>",
    # Text
    b"<a>&lt;&gt;&amp;&apos;&quot;</a>", b"<a>&lt</a>", b"<a>&</a>", b"<a>& b</a>", b"<a>&;</a>", b"<a>& lt;</a>", b"<a>&lt ;</a>",
    b"<a>&LT;</a>", b"<a>&nbsp;</a>", b"<a>&a:b;</a>", b"<a>&1;</a>", b"<a>&#65;&#x41;&#x0041;&#0000065;</a>", b"<a>&#;</a>",
    b"<a>&#x;</a>", b"<a>&#X41;</a>", b"<a>&#xg;</a>", b"<a>&#6a;</a>", b"<a>&#-65;</a>", b"<a>&#+65;</a>", b"<a>&# 65;</a>",
    b"<a>&#0;</a>", b"<a>&#1;</a>", b"<a>&#8;</a>", b"<a>&#9;&#10;&#13;</a>", b"<a>&#x1F;</a>", b"<a>&#x20;&#x7F;&#x85;</a>",
    b"<a>&#xD7FF;&#xE000;&#xFFFD;</a>", b"<a>&#xD800;</a>", b"<a>&#xDFFF;</a>", b"<a>&#xFFFE;</a>", b"<a>&#xFFFF;</a>",
    b"<a>&#x10000;&#x1FFFF;&#x10FFFF;</a>", b"<a>&#x110000;</a>", b"<a>&#99999999999999999999;</a>", b"<a>&#65</a>",
    b"<a>]]></a>", b"<a>]]&gt;</a>", b"<a>]] ></a>", b"<a>]]</a>", b"<a>]></a>", b"<a>]]]></a>", b"<a>]<b/>]></a>", b"<a>'\"=/></a>",
    b"<a>\x00</a>", b"<a>\x08</a>", b"<a>\t\n</a>", b"<a>\x0b</a>", b"<a>\x1f</a>", b"<a>\x7f</a>", b"<a>1\r2\r\n3\n4</a>",
    b"<a>\r</a>", b"<a>\r\r\n</a>", b"<a>\r&#10;</a>", b"<a>\r<b/>\n</a>", "<a>\u0085\u2028\ufeff</a>".encode(), b"<a> </a>",
    # UTF-8
    b"<a>\xc3\xa9</a>", b"<a>\xc3</a>", b"<a>\xc3\xc3</a>", b"<a>\xa9</a>", b"<a>\xc0\x80</a>", b"<a>\xc1\xbf</a>", b"<a>\xe0\x80\x80</a>",
    b"<a>\xe0\xa0\x80</a>", b"<a>\xed\x9f\xbf</a>", b"<a>\xed\xa0\x80</a>", b"<a>\xef\xbf\xbd</a>", b"<a>\xef\xbf\xbe</a>",
    b"<a>\xef\xbf\xbf</a>", b"<a b='\xef\xbf\xbf'/>", b"<a><![CDATA[\xef\xbf\xbe]]></a>", b"<a>\xf0\x90\x80\x80</a>",
    b"<a>\xf0\x80\x80\x80</a>", b"<a>\xf4\x8f\xbf\xbf</a>", b"<a>\xf4\x90\x80\x80</a>", b"<a>\xf5\x80\x80\x80</a>", b"<a>\xfe\xff</a>",
    b"<a>\xf0\x9f\x98</a>", b"<\xc3/>", b"<a \xff='1'/>", b"<a b='\xe9'/>",
    # CDATA
    b"<a><![CDATA[]]></a>", b"<a><![CDATA[<b>&amp;]]></a>", b"<a><![CDATA[]]]]></a>", b"<a><![CDATA[]]]></a>", b"<a><![CDATA[]>]]></a>",
    b"<a><![CDATA[]] >]]></a>", b"<a><![CDATA[<![CDATA[]]></a>", b"<a><![CDATA[]]>]]></a>", b"<a><![cdata[]]></a>", b"<a><! [CDATA[]]></a>",
    b"<a><![CDATA []]></a>", b"<a><![CDATA[\r\n\r]]></a>", b"<a><![CDATA[\x01]]></a>", b"<a>x<![CDATA[y]]>z</a>", b"<a><![CDATA[</a>",
    b"<a <![CDATA[]]>/>", b"<a b='<![CDATA[]]>'/>", b"<a><![IGNORE[]]></a>", b"<a><![]]></a>",
    # What no stanza may hold
    b"<a><!-- b --></a>", b"<a><!----></a>", b"<a><!-- b -- c --></a>", b"<a><!-- b ---></a>", b"<a><!- b --></a>", b"<!-- b -->",
    b"<a><?b c?></a>", b"<a><?b?></a>", b"<a><??></a>", b"<a><?xml version='1.0'?></a>", b"<?b?>", b"<a><!DOCTYPE b></a>",
    b"<!DOCTYPE a>", b"<a><!ELEMENT b ANY></a>", b"<a><!></a>", b"<a><!a></a>", b"text", b"<a/>text", b"&amp;", b"<![CDATA[a]]>",
    b"<stream:stream/>", b"<stream:stream></stream:stream>",
]


def mutations():
    """Every piece of every seed is missing, doubled, or has something in its place, in turns rather than all at once."""
    turn = 0
    for seed in SEEDS:
        for at in range(len(seed)):
            piece = PIECES[turn % len(PIECES)]
            turn += 1
            yield seed[:at] + seed[at + 1:]
            yield seed[:at] + piece + seed[at:]
            yield seed[:at] + piece + seed[at + 1:]


def escaped(text):
    return "".join(c if " " <= c <= "~" and c not in "\\\"" else "\\u{%x}" % ord(c) for c in text)


def expanded(name):
    """expat gives prefixed and defaulted names as namespace, separator, local name."""
    namespace, _, local = name.rpartition("\n")
    return escaped(namespace) + "|" + escaped(local)


class Reading:
    def __init__(self):
        self.out = []
        self.depth = 0
        self.text = ""

    def flush(self):
        if self.text and self.depth > 1:
            self.out.append(' "%s"' % escaped(self.text))
        self.text = ""

    def start(self, name, attributes):
        self.flush()
        self.depth += 1
        if self.depth > 1:
            pairs = zip(attributes[::2], attributes[1::2])
            listed = "".join(' @%s="%s"' % (expanded(n), escaped(v)) for n, v in pairs)
            self.out.append((" " if self.depth > 2 else "") + "(" + expanded(name) + listed)

    def end(self, _name):
        self.flush()
        if self.depth > 1:
            self.out.append(")")
        self.depth -= 1

    def characters(self, text):
        self.text += text


def verdict(stanza):
    parser = expat.ParserCreate(namespace_separator="\n")
    parser.ordered_attributes = True
    reading = Reading()
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.characters
    try:
        parser.Parse(HEADER + stanza + END, True)
    except expat.ExpatError:
        return "-"
    return "".join(reading.out)


seen = set()
for case in CASES + SEEDS + list(mutations()):
    if case not in seen:
        seen.add(case)
        shown = re.sub(rb"[^ -~]|\\", lambda m: b"\\x%02x" % m.group()[0], case)
        print(shown.decode("ascii") + "\t" + verdict(case))
