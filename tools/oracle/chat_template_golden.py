"""Records what Python's jinja2 renders for the templates below, with transformers' settings, into tests/data/chat_template_golden.json.

Usage: chat_template_golden.py OUT    (needs transformers and jinja2; their versions are stored in OUT)
Each case: {"name", "template", "variables", "text"} or, where Python refuses, {"name", "template", "variables", "error": true}.
"""

import json
import sys

import jinja2
import transformers
from transformers.utils.chat_template_utils import _compile_jinja_template

HI = [{"role": "user", "content": "Hi"}]
TALK = [
    {"role": "system", "content": "  Be brief.\n"},
    {"role": "user", "content": "What is 2 + 2? <b>&</b> \"quoted\" it's \u65e5\u672c"},
    {"role": "assistant", "content": "<think>\nadd\n</think>\n\n4"},
    {"role": "user", "content": "Sure?"},
]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "d\u00e9j\u00e0", "parameters": {"x": 1.0, "big": 1e20, "y": None, "z": [True, {}]}}}]

CHATML = """{% for message in messages %}
    {% if loop.first and message.role != 'system' %}
        {{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}
    {% endif %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' -}}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{%- endif %}
"""
LLAMA = """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{%- if not date_string is defined %}{% set date_string = "26 Jul 2024" %}{% endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\nToday Date: " + date_string + "\\n\\n" + system_message + "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}{{- raise_exception("This model only supports single tool-calls at once!") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '{"name": "' + tool_call.name + '", "parameters": ' + (tool_call.arguments | tojson) + "}" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}
"""
QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "<|im_end|>\\n" }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index or loop.last %}
            {{- '<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content }}
        {%- else %}
            {{- content }}
        {%- endif %}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
ALTERNATE = """{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}[{{ m.content.strip() }}]{% endfor %}"""
LONGBOW = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)

CONVERSATIONS = {
    "hi": {"messages": HI, "add_generation_prompt": True},
    "talk": {"messages": TALK, "add_generation_prompt": True, "enable_thinking": False},
    "done": {"messages": TALK[:3], "add_generation_prompt": False},
    "tools": {"messages": HI + [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"q": "a b"}}}]}], "tools": TOOLS},
    "empty": {"messages": []},
}
TEMPLATES = {"chatml": CHATML, "llama": LLAMA, "qwen": QWEN, "alternate": ALTERNATE, "longbow": LONGBOW}

# One construct each; `v` holds values to try them on.
V = {"s": "  H\u00e9llo W\u00f6rld \n", "n": 7, "f": 2.5, "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "d": {"b": 1, "a": [1, "x"], "C": None}, "none": None,
     "rows": [{"k": "x", "on": True, "n": 2}, {"k": "y", "on": False, "n": 1}, {"k": "x"}], "e": "", "emoji": "a\U0001f600b", "nested": {"x": {"y": [1, {"z": "deep"}]}}}
SNIPPETS = """
{{ s|trim }}|{{ s|upper }}|{{ s|lower }}|{{ s|length }}|{{ 'hELLO wORLD'|capitalize }}|{{ "it's a dog-day"|title }}
{{ s.strip() }}|{{ s.lstrip() }}|{{ s.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ s.upper() }}|{{ s.title() }}|{{ 'abc'.capitalize() }}
{{ 'a,b,,c'.split(',') }}|{{ ' a  b c '.split() }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ 'a  b c'.split(None, 1) }}|{{ 'a\\nb\\r\\nc'.splitlines() }}
{{ 'banana'.replace('a', 'o') }}|{{ 'banana'.replace('a', 'o', 2) }}|{{ 'ab'.replace('', '-') }}|{{ 'banana'|replace('an', '') }}
{{ 'banana'.find('n') }}|{{ 'banana'.rfind('n') }}|{{ 'banana'.find('z') }}|{{ 'banana'.count('a') }}|{{ '{} {}'.format(1, 'a') }}|{{ '{x}'.format(x=2) }}
{{ 'abc'.startswith('ab') }}|{{ 'abc'.endswith(('x', 'c')) }}|{{ '12'.isdigit() }}|{{ ', '.join(w) }}|{{ 'prefix-x'.removeprefix('prefix-') }}
{{ l }}|{{ d }}|{{ none }}|{{ true }}|{{ f }}|{{ 1e20 }}|{{ 1.0 }}|{{ 0.1 + 0.2 }}|{{ 1e-7 }}|{{ [1.5, 'a\\'b', "q\\"'", none, (1,), ()] }}|{{ undefined_thing }}|{{ 123456789012345680.0 }}
{{ 7 // 2 }}|{{ -7 // 2 }}|{{ 7 % 3 }}|{{ -7 % 3 }}|{{ 7 / 2 }}|{{ 2 ** 10 }}|{{ 2 + 3 * 4 }}|{{ (2 + 3) * 4 }}|{{ 7.5 // 2 }}|{{ -7.5 % 2 }}|{{ 'ab' * 3 }}|{{ [1] * 2 }}|{{ -n }}|{{ 2 ** -1 }}
{{ 'a' ~ 1 ~ none ~ [1] }}|{{ 'a' + 'b' }}|{{ l + [4] }}|{{ 'n: ' ~ (n + 1) }}
{{ l[0] }}|{{ l[-1] }}|{{ l[1:] }}|{{ l[::-1] }}|{{ l[:2] }}|{{ s[2:7] }}|{{ emoji[1] }}|{{ emoji[::-1] }}|{{ emoji|length }}|{{ l[5] }}|{{ 'abcdef'[-3:-1] }}|{{ 'abcdef'[4:1:-2] }}|{{ l[10:] }}
{{ d.a }}|{{ d['b'] }}|{{ d.missing }}|{{ d.get('b') }}|{{ d.get('zz') }}|{{ d.get('zz', 5) }}|{{ 'b' in d }}|{{ 'zz' not in d }}|{{ nested.x.y[1].z }}|{{ nested['x']['y'][0] }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}|{% for k in d %}{{ k }}{% endfor %}|{% for k in d.keys() %}{{ k }}{% endfor %}|{% for v in d.values() %}{{ v }}{% endfor %}|{{ d|items|list }}
{% for k, v in d|dictsort %}{{ k }}{% endfor %}|{{ d|dictsort(true) }}|{{ {'x': 2, 'y': 1}|dictsort(by='value') }}|{{ {'x': 2, 'y': 1}|dictsort(false, 'value', true) }}
{{ l|sort }}|{{ l|sort(reverse=true) }}|{{ w|sort }}|{{ w|sort(case_sensitive=true) }}|{{ w|unique|list }}|{{ l|min }}|{{ l|max }}|{{ l|sum }}|{{ l|first }}|{{ l|last }}|{{ l|reverse|list }}|{{ 'abc'|reverse }}
{{ rows|selectattr('on')|list|length }}|{{ rows|selectattr('k', 'equalto', 'x')|map(attribute='n', default=0)|join(',') }}|{{ rows|rejectattr('on', 'defined')|list }}|{{ rows|map(attribute='k')|join('/') }}
{{ l|select('odd')|list }}|{{ l|reject('odd')|list }}|{{ l|select|list }}|{{ w|map('upper')|list }}|{{ l|select('>', 1)|list }}
{{ x|default('dflt') }}|{{ e|default('dflt') }}|{{ e|default('dflt', true) }}|{{ none|default('d') }}|{{ n|string + '!' }}|{{ '42'|int + 1 }}|{{ 'x'|int(9) }}|{{ '2.5'|float }}|{{ 3.9|int }}|{{ -3|abs }}|{{ '1e3'|int }}
{{ d|tojson }}|{{ s|tojson }}|{{ emoji|tojson }}|{{ emoji|tojson(ensure_ascii=true) }}|{{ "<&>'"|tojson }}|{{ [1.0, 1e20, 0.5, true, none, 'a\\tb']|tojson }}|{{ {}|tojson }}|{{ []|tojson(indent=2) }}
{{ d|tojson(indent=2) }}
{{ nested|tojson(indent=4) }}|{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}|{{ {'b': 1}|tojson(separators=(',', ':')) }}
{{ 'a\\nb\\n\\nc'|indent }}|{{ 'a\\nb'|indent(2, true) }}|{{ 'a\\n\\nb'|indent(2, blank=true) }}|{{ 'a\\nb\\n'|indent(2) }}|{{ 'a\\nb'|indent(width='> ') }}
{{ l|join }}|{{ l|join(', ') }}|{{ rows|join(',', attribute='k') }}|{{ 'abc'|join('-') }}|{{ 'abc'|list }}|{{ (1, 2)|list }}|{{ '<a>'|safe }}|{{ '<a>'|e }}
{{ n is defined }}|{{ zz is undefined }}|{{ none is none }}|{{ s is string }}|{{ d is mapping }}|{{ l is sequence }}|{{ l is iterable }}|{{ n is number }}|{{ true is boolean }}|{{ n is integer }}|{{ f is float }}|{{ n is odd }}|{{ n is divisibleby 7 }}|{{ n is not none }}|{{ s is sequence }}|{{ true is number }}|{{ zz is iterable }}|{{ n is iterable }}|{{ true is integer }}|{{ none is sameas none }}
{{ 1 < 2 < 3 }}|{{ 1 < 3 < 2 }}|{{ 'a' < 'b' }}|{{ 1 == 1.0 }}|{{ true == 1 }}|{{ 'a' == 1 }}|{{ [1] == [1] }}|{{ {} == {} }}|{{ not true or true }}|{{ not (true or true) }}|{{ 1 in [1, 2] }}|{{ 'el' in 'hello' }}|{{ zz == none }}|{{ 0 or 'x' }}|{{ 0 and 'x' }}|{{ [1] == (1,) }}
{{ 'y' if n > 5 else 'n' }}|{{ 'y' if n > 9 }}|{{ 'a' if false else 'b' if true else 'c' }}|{{ ('a' if false) is defined }}
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('o', 'e') }};{% endfor %}
{% for x in l if x > 1 %}{{ loop.index }}:{{ x }} {% else %}none{% endfor %}|{% for x in [] %}x{% else %}empty{% endfor %}|{% for x in zz %}x{% else %}undefined{% endfor %}|{% for x in range(1, 10, 3) %}{{ x }}{% endfor %}|{% for c in 'añb' %}[{{ c }}]{% endfor %}
{% for x in [1,2,3,4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}|{% for a, b in [(1, 2), [3, 4]] %}{{ a + b }},{% endfor %}|{% for (a, b) in [(1, 2)] %}{{ a }}{% endfor %}
{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}|{% if true %}{% set x = 9 %}{% endif %}{{ x }}|{% set a, b = 1, 2 %}{{ a }}{{ b }}|{% set ns = namespace(c=0) %}{% for i in l %}{% set ns.c = ns.c + i %}{% endfor %}{{ ns.c }}
{% set block %}in {{ n }}{% endset %}[{{ block }}]|{% set b2 | upper | trim %} abc {% endset %}[{{ b2 }}]|{% filter upper %}shout {{ n }}{% endfilter %}|{% filter trim | upper %} q {% endfilter %}
{% macro m(a, b='d', c=a) %}<{{ a }}{{ b }}{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=4) }}{{ m() }}|{% macro f(x) %}{% if x > 0 %}{{ x }}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(3) }}|{{ m(1)|length }}
{% macro g() %}{{ later }}{% endmacro %}{% set later = 'seen' %}{{ g() }}|{% macro h(rows) %}{% for r in rows %}{{ r.k }}{% endfor %}{% endmacro %}{{ h(rows) }}
{% generation %}gen {{ n }}{% endgeneration %}|{# comment #}a{#- trimmed -#} b|{% raw %}{{ raw }} {% if %}{% endraw %}|{{ '{{' }}|{{ "a" "b" }}|{{ 'tab\\there' }}|{{ '\\u00e9\\x41' }}|{{ '\\d' }}
{{ dict(a=1).a }}|{{ [1, 2,] }}|{{ {'a': 1, 'b': {'c': [2]}} }}|{{ (1, 2) }}|{{ 1, 2 }}|{{ range(3)|list }}|{{ 1_000 }}|{{ {'a': 1}.a }}|{{ l.index(1) }}|{{ l.count(3) }}|{{ -n|abs }}|{{ [1,2]|length > 1 }}
{{ strftime_now('%Y') is string }}|{{ raise_exception is defined }}|{{ n.foo is defined }}|{{ d.items is defined }}|{{ not d.zz }}|{{ d.C is none }}|{{ (d.zz or 'alt') }}
""".strip("\n").split("\n")
WHITE_SPACE = [
    "a\n  {% if true %}  \n  b\n  {% endif %}\nc\n", "  {%- if true -%}  \n b \n {%- endif %}\n\nc", "{% if true +%}\nx{% endif %}\n", "a\n  {%+ if true %}x{% endif %}",
    "  {{ n }}  \n  {{- n -}}  \n  {{ n }}\n\n", "a {# c #}\n b\n  {# c #}\nd", "\r\na\r\n{% if true %}\r\nb\r\n{% endif %}\r\n", "{% for i in l %}\n  {{ i }}\n{% endfor %}\nend",
    "x\n\t {% set q = 1 %}\n\t y", "{% if true %}{% if true %}\n\n{% endif %}\n{% endif %}\n.", "  {% raw %}\n a {% endraw %}\n b", "text {% if true %} \n inline{% endif %} \n",
    "{{ n }}\n", "\n{{ n }}\n\n", "   {#- c -#}   x", "{% set a = 1 -%}\n\n  x {%- set b = 2 %}\n y",
]
ERRORS = [
    "{{ zz.a }}", "{{ 'a' + 1 }}", "{{ 'a' + none }}", "{{ 'a' + zz }}", "{{ 'a' + l }}", "{{ raise_exception('no') }}", "{{ n() }}", "{{ zz() }}", "{{ l.append(1) }}",
    "{{ d.pop('a') }}", "{{ d.update({}) }}", "{{ 1 / 0 }}", "{{ 1 < 'a' }}", "{{ zz|tojson }}", "{{ rows|selectattr('on')|tojson }}", "{{ none|length }}", "{% for x in n %}{% endfor %}",
    "{{ 1 in 2 }}", "{{ 1 in 'a' }}", "{% set n.x = 1 %}", "{{ range(100001) }}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% if true %}", "{{ 'a' }", "{{ a b }}", "{% endif %}",
    "{% for x in l %}{% endif %}", "{{ 'abc }}", "{{ [1, 2 }}", "{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}", "{{ zz[0] }}", "{{ -'a' }}", "{{ zz < 1 }}", "{{ l|nofilter }}", "{{ l is notest }}",
    "{% break %}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{{ ', '.join([1]) }}", "{{ 'a'.split('') }}", "{{ s[::0] }}", "{{ none.x.y }}", "{# open", "{% unknown %}",
]


def record(name: str, template: str, variables: dict) -> dict:
    case = {"name": name, "template": template, "variables": variables}
    given = {"tools": None, "documents": None, "add_generation_prompt": False, "bos_token": "<s>", **variables}
    try:
        case["text"] = _compile_jinja_template(template).render(**given)
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError, ZeroDivisionError, RecursionError, OverflowError, SyntaxError):
        case["error"] = True
    return case


def main() -> None:
    cases = [record(f"{t} {c}", template, variables) for t, template in TEMPLATES.items() for c, variables in CONVERSATIONS.items()]
    for i, template in enumerate(SNIPPETS + WHITE_SPACE + ERRORS):
        case = record(f"snippet {i}", template, V)
        case["variables"] = "shared"  # the snippets have one set of variables: stored once
        cases.append(case)
    versions = {"jinja2": jinja2.__version__, "transformers": transformers.__version__}
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        head = json.dumps({"command": "tools/oracle/chat_template_golden.py", "versions": versions, "shared": V}, ensure_ascii=False)
        out.write(f'{head[:-1]},\n"cases": [\n{lines}\n]}}\n')
    print(f"{len(cases)} cases, {sum('error' in case for case in cases)} of them refused")


if __name__ == "__main__":
    main()
