"""Programming operations by the words that people use for them: what the built-in researcher knows about programming.

The table is general: it holds no name of any language, library or data set. An entry says what to ask the documentation when
a text speaks of certain things: the prompt of an exercise says "how many of each letter", the documentation says "count".
"""

from collections.abc import Iterable
from typing import NamedTuple

from tracegen.teacher.words import stem


class Operation(NamedTuple):
    """Something a program does, and how a text gives away that it is needed."""

    ask: str
    """What to ask: a verb phrase or a noun phrase; `{list}` and `{dict}` stand for the documentation's own words."""
    kind: str
    """What it works on: string, number, list, dict, record, error, optional, function, or "" for anything."""
    signs: tuple[frozenset[str], ...]
    """Alternatives; of one alternative all the terms (stemmed words or pairs of words) are in the same sentence."""


# ask | kind | signs: alternatives separated by commas, `+` between terms of the same sentence.
_TABLE = """
split a string into characters | string | each character, every character, individual character, characters, letters, each letter, every letter, acronym, anagram, vowel, graphemes, brackets, position + string
split a string on a separator | string | split, separated by, comma-separated, separator, delimiter, words, sentence, hyphen, dash, tokens, segments, space separated, separated, per line + parse
split a string into lines | string | each line, lines, newline, newlines, multi-line, rows + string, log lines
split only at the first or last separator | string | split + first, split + last, split + once, one split, split + limited
join strings with a separator | string | join, concatenate, glue, comma-separated, separated by, sentence + words, joined, one string, single string, separated + string
join lines into one text | string | newline + string, line + text, lines + string, newline-terminated, multi-line
concatenate two strings | string | message, greeting, says, prefix, suffix, append + string, plus + string, dialogue
format a string with values | string | format, printf, placeholder, interpolate, interpolation, template, decimals, decimal places, of the form, percent + string, filled
convert a string to lowercase | string | lowercase, lower case, lower-case, down-cased, case-insensitive, case-insensitively, ignoring case, case insensitive, capitalisation
convert a string to uppercase | string | uppercase, upper case, upper-case, capitals, shout, yell, yelling, toUpperCase
capitalise the first letter | string | capitalize, capitalise, capitalized, capitalised
trim whitespace from a string | string | trim, whitespace, surrounding, strip, leading + trailing, trailing, spaces at the end
remove leading or trailing characters | string | leading zeros, without + leading, slashes, strip, stars, trailing
replace part of a string | string | replace + string, replace + character, replaced by, without + dot, spaces to, punctuation, remove + spaces, ignore + punctuation, clean up, doubled, removed + spaces, swap, underscore
check if a string starts with a prefix | string | starts with, begins with, starting with, begin with, prefix
check if a string ends with a suffix | string | ends with, ending with, suffix, end with, extension
check if a string contains another | string | contains + string, substring, contain, occurs in the string
get part of a string | string | substring, slice, first n, first + characters, last + characters, series, contiguous, middle, truncate
first character of a string | string | first letter, first character, initial, initials
length of a string | string | length + string, characters long, number of characters, string + longer, how long
pad a string to a width | string | pad, padded, aligned, left-aligned, right-aligned, columns wide, zero padded, leading zero, two digits, rectangle
repeat a string | string | repeat + times, repeated + string, bar chart, as many, times + string
reverse a string | string | reverse + string, palindrome, reversed + string, backwards, reversed
convert a character to its code point | string | cipher, caesar, ascii, alphabet, shift, unicode, code point, codepoint, keys + letter, encode + letter, utf-8
escape special characters in a string | string | escape, escaped, quoted, quoting, backslashes, escaping
write a raw string without escaping | string | backslashes, raw string, verbatim
write a multi-line string | string | text block, multi-line, multiline, heredoc, triple, block of text
match a string with a regular expression | string | regex, regular expression, log line, regexp
compare two strings | string | alphabetical, alphabetically, lexicographic, case-insensitively + compare
parse a string as an integer | number | digits + string, parse + number, numbers + string, input + number, numeric, isbn, luhn, phone number, as numbers, string + integer, question + math, octal, checksum
parse a number in another base | number | hex, octal, hexadecimal
convert a number to a string | number | number + string, to string, as string, as strings, digits, must come out as strings, numerals, values + strings, key + strings
remainder of an integer division | number | divisible, remainder, modulo, mod, multiples, multiple of, prime, factors, leap, evenly, gcd, odd, even, fizzbuzz, wrapping around, wrapping, round robin, factor
divide two numbers | number | average, mean, ratio, divide, quotient, half, percentage, percent, avg, divided, per second
round a number | number | round, rounded, nearest, rounds, precision, whole number, rounded down, floor, ceil, rounded up, truncate, decimal
square root of a number | number | square root, sqrt, distance, hypotenuse, standard deviation, radius, triplet, perfect square
raise a number to a power | number | power, exponent, doubles, squared, compounding, grains, base + digits, armstrong, squares
sine and cosine | number | sin, cos, angle, degrees, trigonometry
logarithm of a number | number | log base, logarithm
absolute value of a number | number | absolute, difference between, absolute terms, deviation
smaller or larger of two numbers | number | never under, at most + number, at least + number, minimum of, clamp, between + and never, limit + between
convert an integer to a float | number | float + int, decimal + integer, temperature, seconds + years, rate
bitwise operations | number | bits, bitwise, bit operations, binary, flags, handshake, bitmask, bit mode, allergies
convert a number to another base | number | binary, hexadecimal, hex, octal, base, decimal number
random numbers | number | random, randomly, dice, roll + dice
check if a number is even or odd | number | even, odd
largest or smallest value in a {list} | list | largest, biggest, maximum, highest, max, longest, latest, minimum, smallest, lowest, min, cheapest, shortest, nearest, most
sum of a {list} of numbers | list | sum, total, add up, sum up, sums, totals, price of, score
multiply all numbers of a {list} | list | product of, multiply
fold a {list} into one value | list | fold, accumulate, running, reduce, score, balance, keep track, combine, combines, tally, left to right, aggregate
count elements that match a condition | list | count, how many, number of, occurrences, tally, frequency, occurs, count how often, how often, times + appears
apply a function to each element of a {list} | list | each, every, map, transform, turn, convert + list, all the, apply, entries, translate, each of, for each, for every
filter a {list} | list | filter, only + which, keep, discard, exclude, ignore, only the, take only, select, drop, those, throw away, ones that, without
remove an element from a {list} | list | remove + list, without the element, delete + list, without + index, withdraw, removing
check if a {list} contains a value | list | contains, includes, include, member, is in, present, among, appears, in common, belongs
check that all elements satisfy a condition | list | all + pass, every + true, all of, valid, pangram, all checks
check if any element satisfies a condition | list | any of, at least one, if any, any + passes, exists
find the first element that matches | list | find, search, look for, locate, lookup, finding, find the
find the position of an element | list | index of, position of, positions, where + occurs, offset, indexes
get an element by its index | list | index, nth, position, second, element at, at position, third, row + column
loop with the index of each element | list | numbered, index, numbering, 1-based, counting, zero-based, array order, position, coordinates, row + column, in order, with their index
sort a {list} | list | sort, sorted, order, ascending, descending, alphabetically, alphabetical, rank, ranking, sorting
sort by a key or with a custom order | list | sort + by, sorted by, order by, descending, ranking, highest + first, best first, sorting + by, leaderboard, grade
reverse a {list} | list | reverse, backwards, reversed, descending, reverse the
remove duplicates from a {list} | list | unique, duplicates, distinct, duplicate, repeated, once, dedupe, repeating, more than once, different + letters
set operations: union, intersection and difference | list | union, intersection, common, difference + lists, sets, subset, disjoint, either, custom set, in both
group elements by a key | list | group, grouped, categories, buckets, group by, per team, by grade, classify
zip two {list}s together | list | zip, corresponding, pairs, compare + strands, side by side, same position, pair, matching positions
split a {list} into chunks | list | chunk, chunks, groups of, every three, page size, pagination, codons, batches, pieces, rows + length, split + into + rows
consecutive pairs of elements | list | consecutive, adjacent, neighbouring, neighbors, sliding, window, surrounding, next to
flatten a nested {list} | list | flatten, nested + list, nested + array, nesting, flat, arbitrarily deep, flat list, nested arrays
transpose rows and columns | list | transpose, columns, matrix, grid, column
nested loops over two {list}s | list | all combinations, matrix, every + every, cartesian, grid, for each + each, checkerboard, board
combinations of elements | list | combinations, permutations, possible + combinations, subset, sets of, arrangements
{list} of numbers in a range | list | range, numbers from, from 1, up to, numbers between, first n, less than or equal, to n, 1 to, numbered from
append an element to a {list} | list | add + list, append, insert, push, adds, appends, prepend, adding, added, enqueue, at the end
take or drop the first elements | list | take, first + elements, drop, top, best three, first + last, the first n
first and rest of a {list} | list | head, tail, first element, rest of, remaining, sublist, top card
length of a {list} | list | length, size + list, number of elements, number of items, number of, how many
create an empty {list} | list | empty list, empty array
get a value from a {dict} by key | dict | lookup, look up, table, mapping, following table, corresponding + value, name of, code + value, scoring, legend, translation, encoded as, translates, by name, key
default value for a missing key | dict | default, missing, absent, not have, optional + field, null or, may have no, fall back, lacking, missing alltogether
update a value in a {dict} | dict | update + key, inventory, increment, counts, increase, tally, occurrences, replace + value
keys of a {dict} | dict | keys, names of the fields, field names, key, names of all, by name
loop over the keys and values of a {dict} | dict | each entry, every entry, for each + key, keyed by, object keyed, key + value, entries, every field, over all the entries, each value
build a {dict} from a {list} | dict | keyed by, object + from, into an object, from list + object, object by, lookup table, list + object, to an object, name -> value
merge two {dict}s | dict | merge, merged, combine + object, overrides, deep merge, deep-merge, inventory, merges, on top, patch
remove a key from a {dict} | dict | remove + key, delete + key, without + field, drop + field, dropped, gone
check if a key exists in a {dict} | dict | has + field, exists, field + present, known, not in the defaults, there at all, missing
swap keys and values | dict | invert, inverse, reverse mapping, one-to-one, old + new
default value for an optional | optional | optional, option, optionally, maybe, unknown, not given, none, null, without a name, don't know, may be null, nullable
return an error | error | error, invalid, fail, fails, fail with, illegal, abort, raise, unknown, reject, signal, throw, must be valid, raises, die, evaluation should
handle the result of a function that can fail | error | result, error, fails, either, recover, errors
assert a condition | error | assert, asserts, assertion, validate, validation, ensure, verify, has to check, constraint
define a custom type | record | define + type, custom type, variants, type with, union type, define the
create a record with fields | record | record, fields, labelled, model, coach, create + with, character, player
update a field of a record | record | replace + field, change + field, update, updated, modify, reset, new player, replace the
override a field of an object | record | override, overriding, overrides, prod, production, environment, changes + config, derived object, tweak
extend a nested object without replacing it | record | nested + merge, inherits, deep-merge, appends, added, extends, nested-merge, keeping everything
inherit from an object | record | inherit, inherits, inheritance, mixin, mixins, extends, derived, super, base, levels of, on top of
refer to another field of the same object | record | self, own name, same object, computed from, derived from, follows automatically, outermost, depends on, its own
hidden fields | record | hidden, hide, private, secret, not appear, internal, stay in the source, visible
add a field only if a condition holds | record | only if, absent otherwise, only present, only where, conditional field, optional field, conditionally
computed field names | record | field name, dynamic key, keys are, computed key, keyed by, key is
opaque type | record | opaque, secure, encapsulate, hide + type
type alias | record | alias, aliases
generic types | record | generic, generics, any type, type parameter, type variable
tuples | record | tuple, tuples, pair of, pairs
match on several cases | | cases, pattern matching, pattern match, depending on, otherwise, depends, rules, if it is, one of, variants, enum
conditional expression | | ternary, if/else, either + or, else, depending, otherwise, cases
guards in a case expression | | greater than, less than, or more, above, below, between, at least, at most
combine boolean conditions | | true if, both, neither, boolean, unless, and not, xor, only if, false, touching
recursive function | function | recursion, recursive, until, step, steps, recursively, keep, tail-recursive, tree, sequence, process, at every depth, repeat, nested objects
function with default arguments | function | default argument, optional argument, defaults to, parameter, default, default parameter, threshold
anonymous function | function | anonymous, lambda, closure, return a function, callback, higher-order, function + argument, predicate, given function, function which takes
define a function | function | write a function, method, function that, define the function, function, implement + function
function pipeline | function | pipeline, pipe, chain, compose, composed, left to right
labelled arguments | function | labelled, named arguments, argument names, labels
variables and constants | function | constant, variable, local, locals, let, define + constant, assignment, reassign
comprehension | list | comprehension, comprehensions
tree data structure | record | tree, node, nodes, branch, leaf, zipper, subtree
import another file | | import, library, separate file, imported, files
read an external variable | | external variable, environment variable, extvar, command line argument, parameterise, top-level argument
comments and documentation | | comment, comments, documented
print a value for debugging | | print, debug, debugging, trace, stderr, log message, standard output
type of a value | | type of, type introspection, type names, dispatching on the type, a string or, single string or, type names, can be a
check equality of two values | | equal, equality, same value, deep equality, identical, compare + versions
generate JSON text | string | as json, json + string, json text, pretty-printed, json string, minified
generate YAML text | string | yaml
parse YAML | string | yaml + parse, yaml string
parse JSON | string | json + parse, json + decode, json document
generate an INI file | string | ini, ini file
generate TOML text | string | toml
generate XML | string | xml, html, svg
generate CSV text | string | csv
base64 encoding and decoding | string | base64
hash of a string | string | hash, md5, sha, digest
bytes and bit arrays | | bytes, bit array, binary data, binary value, bits
date and time | | timestamp, datetime, clock, time of day, birthday
call code of another language | | external function, foreign, ffi, erlang, external
concurrency with processes | | concurrent, process + message, actor, parallel
read and write files | | read + file, write + file, file path
queue or stack | list | queue, stack, circular, buffer, deque, fifo
"""


def _terms(alternative: str) -> frozenset[str]:
    """Return the stemmed terms of an alternative; a term of three words and more becomes its pairs of words."""
    terms: list[str] = []
    for term in alternative.split("+"):
        stems = [stem(word) for word in term.split()]
        terms += stems if len(stems) == 1 else [f"{a} {b}" for a, b in zip(stems, stems[1:], strict=False)]
    return frozenset(terms)


def _read(table: str) -> tuple[Operation, ...]:
    rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return tuple(Operation(ask, kind, tuple(_terms(sign) for sign in signs.split(","))) for ask, kind, signs in rows)


OPERATIONS = _read(_TABLE)


def _by_term(operations: Iterable[Operation]) -> dict[str, list[tuple[Operation, frozenset[str]]]]:
    """Index the alternatives by one of their terms, so that a long text is read once and not once per operation."""
    index: dict[str, list[tuple[Operation, frozenset[str]]]] = {}
    for operation in operations:
        for sign in operation.signs:
            index.setdefault(min(sign), []).append((operation, sign))
    return index


_INDEX = _by_term(OPERATIONS)


def operations_in(stems: list[str]) -> dict[Operation, float]:
    """Return the operations that a sentence speaks of, with a strength: longer signs say more than single words."""
    terms = {*stems, *(f"{a} {b}" for a, b in zip(stems, stems[1:], strict=False))}
    found: dict[Operation, float] = {}
    for term in terms:
        for operation, sign in _INDEX.get(term, ()):
            if sign <= terms:
                strength = 1.0 if len(sign) == 1 and " " not in min(sign) else 1.6
                found[operation] = max(found.get(operation, 0.0), strength)
    return found
