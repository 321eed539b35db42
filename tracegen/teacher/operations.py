"""Programming operations by the words that people use for them: what the built-in researcher knows about programming.

The table is general: it holds no name of any language, library or data set. An entry says what to ask the documentation when
a text speaks of certain things: the prompt of an exercise says "how many of each letter", the documentation says "count".
"""

from collections.abc import Iterable
from typing import NamedTuple

from tracegen.teacher.words import stem, word_set

COMMON_SIGN = 0.6
"""Strength of an everyday word as a sign; that of other single words is 1."""
LONG_SIGN = 1.5
"""Strength of a sign of several words."""


class Operation(NamedTuple):
    """Something a program does, and how a text gives away that it is needed."""

    ask: str
    """What to ask: a verb phrase or a noun phrase; `{list}` and `{dict}` stand for the documentation's own words."""
    kind: str
    """What it works on: string, number, list, dict, record, error, optional, function, or "" for anything."""
    weight: float
    """How often programs need it, around 1."""
    signs: tuple[frozenset[str], ...]
    """Alternatives; of one alternative all the terms (stemmed words or runs of up to three words) are in the same sentence."""


# An indented line goes on from the one before it.
# ask | kind and weight (1 where not given) | signs: alternatives separated by commas, `+` between terms of the same sentence.
# Terms with an arrow are signatures in the prompt's code: `string->string` takes a string and returns one. A weight says how
# often programs need the operation, and how far its signs can be trusted.
_TABLE = """
convert a string to a list of characters | string 1.3 | each character, every character, individual character, characters,
    letters, each letter, every letter, acronym, anagram, vowel, graphemes, brackets, character + position, cipher,
    plaintext, digits + string, occur + letter, string->string, one character, string->boolean, string->list, string->int,
    string->error
split a string on a separator | string 1.2 | split, separated by, comma-separated, separator, delimiter, words, sentence,
    hyphen, dash, tokens, segments, space separated, colon, dotted path, line + parse, string->list
split a string into lines | string | each line, newlines + split, multi-line + parse, rows + string, log lines, lines +
    parse, grid + string, lines + input
split only at the first separator | string | split + first, split + once, one split, split + limited, split + last
join a {list} of strings with a separator | string 1.3 | join, glue, comma-separated, separated by, joined, separated + string,
    one space, commas, string->string, list->string
join lines into one text | string | newline + string, line + text, lines + string, newline-terminated, each line + ends,
    line + output, lines + output, one line per, per line, one per line, blank line
concatenate strings | string | message + name, greeting, concatenate, append + string, plus + string, dialogue, whole
    string
format a string with values | string 1.1 | format, printf, placeholder, interpolate, interpolation, template + string,
    decimals, decimal places, one decimal, of the form, percent + string, right-aligned, printf-style
convert a string to lowercase | string 1.1 | lowercase, lower case, lower-case, down-cased, case-insensitive,
    case-insensitively, ignoring case, case insensitive, capitalisation
convert a string to uppercase | string 1.1 | uppercase, upper case, upper-case, capitals, toUpperCase
capitalise the first letter | string | capitalize, capitalise, capitalized, capitalised
trim whitespace from a string | string 1.1 | trim, whitespace, surrounding, leading + trailing
remove leading or trailing characters | string | leading zeros, without + leading, strip, without + suffix
replace part of a string | string 1 | replace + string, replace + character, replaced by,
    replacement, substitute, without + dot, punctuation,
    remove + spaces, ignore + punctuation, clean up, removed + spaces, underscore, underscores, without the dot,
    dashes
check if a string starts with a prefix | string | starts with, begins with, starting with, begin with, prefix
check if a string ends with a suffix | string | ends with, ending with, suffix, extension
check if a string contains a substring | string | contains + string, substring, occurs in the string, contain + text,
    contain + string
get a slice of a string | string | substring, slice, slices, first n, first + characters, last + characters, series,
    contiguous, truncate, middle + letters, middle + string, remaining + letters, positions + string
first character of a string | string | first letter, first character, initial, initials
length of a string | string | length + string, characters long, number of characters, string + longer, length of message
pad a string to a width | string | pad, padded, aligned, left-aligned, right-aligned, columns wide, zero padded,
    zero-padded, leading zero, two digits, fixed width
repeat a string n times | string | repeat + string, repeated + string, as many, times + string, indent + string
reverse a string | string 1.1 | reverse + string, palindrome, palindromes, reversed + string, backwards
convert a character to its code point | string | cipher, caesar, ascii, alphabet, shift + letter, unicode, code point,
    codepoint, keys + letter, encode + letter, shifted + letter
UTF-8 bytes of a string | string | utf-8, bytes + string
escape special characters in a string | string | escape, escaped, quoted, quoting, escaping, quoted safely
write a string without escaping backslashes | string | backslashes, raw string, verbatim
write a multi-line string | string | text block, multi-line, multiline, heredoc, triple, block of text
match a string with a regular expression | string | regex, regular expression, log line, regexp
compare two strings | string 0.8 | lexicographic, compare + case-insensitively, strings + compare
parse a string as an integer | number 1.1 | digits + string, parse + number, numbers + string, as numbers, luhn, string +
    integer, checksum, string + numbers, string->int
parse hexadecimal or octal numbers | number 1.3 | hex, octal, hexadecimal
convert an integer to a string | number 1.1 | number + string, as string, as strings, digits, numerals, values + strings,
    key + strings, int->string
remainder of an integer division | number 1.1 | divisible, remainder, modulo, mod, multiples of, prime, primes,
    factors, leap, evenly, gcd, fizzbuzz, wrapping around, wrapping, round robin, factor, n odd
divide two numbers | number 0.7 | average, ratio, divide, quotient, half, percentage, percent, avg, divided, per second
average of a {list} of numbers | number | avg, average, mean value, the mean
round a number | number 1.1 | round, rounded, nearest integer, rounds, precision, whole number, whole units, rounded down,
    floor, ceil, rounded up, truncated, decimal
take the square root of a number | number | square root, sqrt, distance, hypotenuse, standard deviation, radius, perfect
    square
raise a number to a power | number | power of, to the power, exponent, square of a, square of the,
    squared + number, compounding, base + digits
sine and cosine | number | sine, cosine, sin + cos, angle, degrees, trigonometry
logarithm of a number | number | log base, logarithm
absolute value of a number | number | absolute, difference between + number, absolute terms, deviation
minimum and maximum of two numbers | number | never under, never above, at most + number, minimum of, clamp, limit +
    between, no less than, capped, never below
convert an integer to a float | number | float + int, decimal + integer, temperature, seconds + years, rate
bitwise operations | number | bitwise, bit operations, binary + digits, bitmask, set bit, test bit, shift + bits,
    number + bits, each bit
convert a number to binary | number | binary, convert + base, base + digits
random numbers | number | random, randomly, dice
check if a number is even or odd | number 0.9 | even number, n even, is even, be even, are even, even or odd,
    odd
largest or smallest value in a {list} | list | largest, biggest, maximum, highest, max, longest, latest, minimum,
    smallest, lowest, min, cheapest, shortest, nearest
sum a {list} of numbers | list 1 | sum, total, add up, sum up, sums, totals, total price
multiply all numbers in a {list} | list 0.9 | product of, multiply all
fold a {list} into one value | list 1.2 | fold, accumulate, running total, running sum, running + list, reduce, keep track,
    combine, tally, left to right,
    aggregate, folding, list->int, string->int, list->dict, list->error, string->dict
count elements that match a condition | list 0.9 | count, how many + each, how many + list, how many + array, how many + string,
    how many + words, how many + letters, how many + times, how many + characters, how many + that, occurrences,
    tally, count how often, how often, times + appears
count how often each element occurs | list | frequency, occurrences, count + each, how many + each, histogram, how often +
    each
map over a {list} | list 1.1 | map, transform, turn, convert + each, convert + list, translate, each of, for each, for
    every, list->list, every + becomes, each + string, each + object, make every, sequence, string->string, string->list,
    list->string, int->list
filter a {list} | list 1.1 | filter, only + which, keep + only, keep + that, keep + which, keep + those,
    keep + if, keep all, kept, discard, exclude, ignore, take only, select, throw away, ones
    that, only the, those + with, drop + with, skip, not + greater, those + ending, those + starting, list->list,
    string->boolean, string->int
remove an element from a {list} | list | remove + list, without the element, delete + list, without + index, removing +
    list, without the first
check if a {list} contains a value | list | list + contains, list + includes, member, present, among, in common,
    belongs, list + contain, is in
check that all elements satisfy a condition | list | all + pass, every + true, all of + are, pangram, all checks, every
    letter + alphabet, string->boolean, list->boolean
check if any element satisfies a condition | list | any of, if any, any + passes, at least one + passes
find the first element that matches | list | search for, find the first, cheapest + with, locate, find an element, looking
    up
find the position of an element | list | index of, position of, all positions, where + occurs, offset, indexes
get the element at an index | list | nth, position + list, second + element, element at, at position, element + index, row
    + column, by number
loop with the index of each element | list 0.8 | numbered list, numbered + lines, line number, with the
    index, index, 1-based, zero-based, array
    order, coordinates, row + column, counting from, in array order, in order + number
sort a {list} | list 1.2 | sort, sorted, ascending, alphabetical, alphabetically, rank, ranking, sorting, order + by, in
    order, list->list, string->list, list->dict, dict->list
sort a {list} by a key or a custom order | list | sort + by, sorted by, order by, descending, ranking, highest + first,
    best first, sorting + by, leaderboard
reverse the order of a {list} | list 1.2 | reverse, backwards, reversed, descending, reverse order, rightmost, right to
    left, list->list, string->list, ->list
remove duplicates from a {list} | list 1.1 | unique, duplicates, distinct, duplicate, repeated, dedupe, repeating, more
    than once, different + letters, once + each, duplicate-free
union, intersection and difference of sets | list 1.2 | union, intersection, two sets, of sets, in common, subset,
    disjoint, either +
    lists, custom set, in both lists, in both sets, in both of, but not in
check if a value is in a set | list 0.8 | in the set, in a set, set + contains, seen before, already + seen, already in
group elements by a key | list | group by, grouped, buckets, by grade, group + by, classify, categories
zip two {list}s together | list 1.1 | zip, corresponding, side by side, same position, pair up, matching positions, both
    lists
split a {list} into chunks | list | chunk, chunks, groups of, every three, page size, pagination, batches, rows + length
consecutive pairs of elements | list 0.9 | consecutive, adjacent, neighbouring, neighbors, sliding, window, next to
flatten a nested {list} | list 1.1 | flatten, nested + list + all, flat, flat list, nested arrays, one
    flat, deeply nested, no matter how deep
transpose rows and columns | list | transpose, columns + rows, matrix, row + column
all combinations of two {list}s | list 0.8 | all combinations, cartesian, every + with every
combinations and permutations of elements | list | combinations, permutations, possible + combinations, arrangements
{list} of numbers in a range | list 1.2 | range, numbers from, from 1, up to, numbers between, first n, less than or
    equal, to n, 1 to, through, n + first, countdown, down to, n numbers, triangle + rows, first 20, fizzbuzz, counts
    from, numbers + from, consecutive numbers, counting + from, int->list
append an element to a {list} | list 0.9 | add + list, append, push, appends, prepend, enqueue, adds + end, appended, goes
    at the end, add + at the end
take the first elements of a {list} | list | first + elements, first + last, take the first, first two, last two, drop +
    first
first and rest of a {list} | list 0.9 | head, tail, first element, rest of, remaining, sublist, list->list, empty list
number of elements of a {list} | list 1.2 | length, size of, number of elements, number of items, number of entries,
    number of values, how many, number of, number of + list, how many + list,
    computed number, list + long, at least + elements, list->int
get a value from a {dict} by key | dict 1.1 | lookup, look up, mapping, following table, corresponding + value,
    translation, encoded as, translates, value + table, each + maps, dict->int
default value for a missing key | dict | missing, absent, not have, optional + field, may have no, fall back, lacking,
    default + key, missing + default
update a value in a {dict} | dict | update + key, increment, tally, occurrences, replace + value, counts, ->dict,
    string->dict, list->dict, dict->dict
{dict} with string keys | dict 0.8 | following table, lookup table, mapping
map over the values of a {dict} | dict 1.1 | each entry, every entry, all the entries, every field, each value, map +
    value, dict->dict, convert each, each + object
field names of a {dict} | dict 0.9 | keys, names of the fields, field names, names of all, fields + names, keys + object,
    object keys, each entry, number of + keys
loop over the keys and values of a {dict} | dict 1.1 | each entry, every entry, for each + key, entries, key + value,
    every field, each value, keyed + object, map + name, object + each, its key, dict->dict, dict->list
build a {dict} from a {list} | dict 1.1 | keyed by, object + from, into an object, from list + object, object by, lookup
    table, list + object, to an object, object name, object with keys, object keyed, object comprehension, ->dict
merge two {dict}s | dict 1.1 | merge, merged, combine + object, overrides, deep merge, deep-merge, merges, on top, patch,
    merge patch
remove a key from a {dict} | dict | remove + key, delete + key, without + field, drop + field, dropped + field, gone
check if a key exists in a {dict} | dict | has + field, exists, field + present, not in the defaults, there at all,
    missing + key, must be there
swap keys and values | dict | invert, inverse, reverse mapping, one-to-one, old + new
default value for an optional | optional | optional, option, optionally, maybe, not given, none, without a name, don't
    know, may be null, nullable, null + default
return an error | error | error, invalid, fail with, illegal, raise, signal, must be valid, raises, die with,
    fails + message,
    error + message, abort, unknown + error, throw
handle the result of a function that can fail | error 0.9 | recover, ->error, result + error, may fail, might
    fail, can fail, instead of crashing, without crashing, catch + error, catch + exception, handle + error
unwrap a result with a default | error 0.9 | fall back, ->error
assert a condition | error | assert, asserts, assertion, validation, ensure + error, has to check, validate,
    between + message
compare two values and fail the test | error | test + fails, expected + actual
define a custom type | record 0.8 | define + type, custom type, variants, type with, union type
create a record with fields | record 0.7 | record + fields, labelled, model, create + type
update a field of a record | record | replace + field, change + field, updated, modify, reset, replace the
override a field of an object | record | override, overriding, overrides, prod, production, changes + config, derived
    object, tweak, overridden
extend a nested object without replacing it | record | nested + merge, deep-merge, appends + has, extends, nested-merge,
    keeping everything, nested + override, adds + object, survive + field, survive + object
define a class with methods | record | class with, class that, class called, class named, class + method, class +
    constructor, subclass, object-oriented
overload an operator | function | overload, overloading, operators + type, own operator
inherit from an object | record 0.9 | inherit, inherits, inheritance, mixin, mixins, extends, derived, super, levels of,
    on top of, base + object
use the inherited value of a field | record | super, doubles + field, doubled + field, doubles + inherits, inherits + adds,
    whatever + has, existing + field + value, parent
refer to another field of the same object | record | self, own name, same object, computed from, follows automatically,
    outermost, depends on, its own + field, computed + field, derived + field
hidden fields | record | hidden, hide, private, secret, not appear, internal, stay in the source, helper, shown
add a field only if a condition holds | record | absent otherwise, only present, only where, conditional field, optional
    field, conditionally, only if + true, keys + absent, only if
computed field names | record 0.8 | field name, dynamic key, keys are, computed key, key is, name + key, with the value as
    key
object comprehension | record 0.9 | object + each, keyed by, object comprehension, for each + object
opaque type | record | opaque, secure, encapsulate, hide + type
type alias | record | type alias, aliases
generic types | record 0.8 | generic + type, generics, any type, type parameter, type variable
tuples | record | tuple, tuples
match on several cases | | cases, pattern matching, pattern match, depending on, rules, variants, enum, match + on
if, else if and else | 0.9 | ternary, if/else, depending on, otherwise, if else, else branch, kind
guards in a case expression | 0.8 | greater than, less than, at least
combine boolean conditions | 0.8 | true if, both + true, neither, boolean, unless, xor, false, touching
recursive function | function 1.1 | recursion, recursive, steps, recursively, tail-recursive, tree, at every depth, nested
    objects, keep + until, repeat + until, process + until
function with default arguments | function 1.1 | default argument, optional argument, defaults to, default + parameter,
    default parameter, threshold, optional + function, default
function with a variable number of arguments | function | any number of + argument, number of arguments, variadic, varargs,
    rest arguments, all its arguments
return a function from a function | function | return a function, returns a function, higher-order, closure
anonymous function | function | anonymous, lambda, callback, takes a function, function as + argument,
    takes a predicate, given predicate, predicate + argument,
    given function, function
    which takes, each + function
define a function | function 0.7 | write a function, method, define the function, hidden methods
function pipeline | function | pipeline, pipe, chain, compose, composed
labelled arguments | function | labelled, named arguments, argument names
local variables | function 0.6 | variable, local, locals, assignment, reassign, at the top
constants | function 0.7 | constant, constants
comprehension with a condition | list 0.8 | comprehension, comprehensions, for loop
tree data structure | record | node, nodes, branch, leaf, subtree
import another file | | import, separate file, own file, another file, imported, module + import, module + file
read an external variable | | external variable, environment variable, extvar, command line argument, parameterise,
    top-level argument
print a value for debugging | | debug, debugging, trace, stderr, log message, standard output
type of a value | 0.9 | type introspection, type names, dispatching on the type, a string or, single string or, can be a,
    be a number, must be a string, type of each
check equality of two values | 0.8 | equality, deep equality, identical, compare + versions
convert a value to a JSON string | string | as json, json + string, json text, pretty-printed, json string, minified
generate YAML text | string 1.3 | yaml
parse YAML | string 1.2 | yaml + parse, yaml string
parse JSON | string | json + parse, json + decode, json document, decode and parse, parse it
generate an INI file | string 1.3 | ini, ini file
generate TOML text | string 1.3 | toml
generate XML | string 1.2 | xml, html, svg
generate CSV text | string 1.2 | csv
base64 encoding and decoding | string 1.3 | base64
hash of a string | string 1.2 | hash, md5, sha, digest
bytes and bit arrays | | bytes, bit array, binary data, binary value
date and time | | timestamp, datetime, time of day, birthday, current time, current date, what time, date +
    format, time + format, elapsed, seconds + take, how long + take
call code of another language | | external function, foreign, ffi, erlang, external
concurrency with processes | | concurrent, process + message, actor, parallel
read and write files | 0.8 | read + file, write to + file, open + file, file + closed
priority queue | list 1.2 | priority queue, priority queues, binary heap
destructor | record | destructor, destructors, finalizer, finaliser
unit tests | error 1.1 | unit test, unit tests, test suite
difference between two dates | | days between, number of days, how many days, two dates, between dates
queue or stack | list | queue, circular buffer, ring buffer, deque, fifo, stack of
remove nulls and empty values | dict 1.3 | throw away, prune, nulls + empty, all nulls, clean + null
generators | list | generator function, generator that, yields, coroutine
leave a loop early | | break out, leave + loop, exit + loop, stop + loop, loop + as soon as
infinite sequence | list 0.8 | infinite, lazily, generate + endless
logical xor of booleans | | xor, exactly one of
resolve a relative path | string | relative path, resolve + path, path + relative
"""


def _terms(alternative: str) -> frozenset[str]:
    """Return the stemmed terms of an alternative; a term of four words and more becomes its runs of three."""
    terms: list[str] = []
    for term in alternative.split("+"):
        stems = [stem(word) for word in term.split()]
        size = min(3, len(stems))
        terms += [" ".join(stems[at : at + size]) for at in range(len(stems) - size + 1)]
    return frozenset(terms)


def _read(table: str) -> tuple[Operation, ...]:
    operations: list[Operation] = []
    for line in table.strip().replace("\n    ", " ").splitlines():
        ask, about, signs = (cell.strip() for cell in line.split("|"))
        kind = about.rstrip("0123456789. ")
        weight = float(about.removeprefix(kind) or 1)
        operations.append(Operation(ask, kind, weight, tuple(_terms(sign) for sign in signs.split(","))))
    return tuple(operations)


OPERATIONS = _read(_TABLE)


def _by_term(operations: Iterable[Operation]) -> dict[str, list[tuple[Operation, frozenset[str]]]]:
    """Index the alternatives by one of their terms, so that a long text is read once and not once per operation."""
    index: dict[str, list[tuple[Operation, frozenset[str]]]] = {}
    for operation in operations:
        for sign in operation.signs:
            index.setdefault(min(sign), []).append((operation, sign))
    return index


_INDEX = _by_term(OPERATIONS)


_COMMON = frozenset({"how many", "number of"}) | frozenset(
    stem(word)
    for word in word_set(
        """add adds already appears base cases code contains counts default digits every include includes index keys known
        length letters lists lookup map mapping name names number order parameter position present range record rules score
        select sequence series set sets steps table threshold turn unknown update updated words columns model player local
        variable characters method remaining repeated head square message prefix unless"""
    )
)
"""Signs that are everyday words as well: alone they say little."""


def operations_in(stems: list[str]) -> dict[Operation, float]:
    """Return the operations that a sentence speaks of, with a strength: longer signs say more than single words."""
    terms = {" ".join(stems[at : at + size]) for size in (1, 2, 3) for at in range(len(stems) - size + 1)}
    found: dict[Operation, float] = {}
    # A priority queue is no queue, and the number of days is no number of elements: what is said longer is meant.
    longer = [term.split(" ") for term in terms if " " in term and any(len(sign) == 1 for _, sign in _INDEX.get(term, ()))]
    parts = {" ".join(part) for words in longer for part in (words[:-1], words[1:])}
    for term in sorted(terms):
        for operation, sign in _INDEX.get(term, ()):
            if sign <= terms and not (len(sign) == 1 and sign <= parts):
                single = len(sign) == 1 and " " not in term
                strength = operation.weight * (COMMON_SIGN if sign <= _COMMON else 1.0 if single else LONG_SIGN)
                found[operation] = max(found.get(operation, 0.0), strength)
    return found
