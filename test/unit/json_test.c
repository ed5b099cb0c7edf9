/*
 * json_test.c: RFC 8259 strictly, RFC 7396 for objects, and nothing past the end.
 */
#include "kv/json.h"

#include "check.h"

/* A heap copy of exactly that text, so that ASan sees a step past its end. */
static JsonText
text_of(const char *data, size_t len)
{
	return (JsonText) {exact_copy(data, len), len};
}

static JsonText
text(const char *s)
{
	return text_of(s, strlen(s));
}

static void
release(JsonText t)
{
	free((char *) t.data);
}

static JsonResult
check(const char *s, size_t len)
{
	JsonText	t = text_of(s, len);
	JsonResult	result = json_check_object(t);

	release(t);
	return result;
}

/* What json_get_field says; on JSON_OK the field is left in out. */
static JsonResult
field(const char *json, size_t len, const char *key, size_t keylen, char *out, size_t *outlen)
{
	JsonText	t = text_of(json, len);
	JsonText	k = text_of(key, keylen);
	char	   *room = malloc(len > 0 ? len : 1);
	JsonResult	result = json_get_field(t, k, room, outlen);

	if (result == JSON_OK && CHECK(*outlen <= len))
		memcpy(out, room, *outlen);
	free(room);
	release(t);
	release(k);
	return result;
}

static void
expect_field(const char *json, const char *key, const char *wanted)
{
	char		out[512];
	size_t		n;

	if (CHECK(field(json, strlen(json), key, strlen(key), out, &n) == JSON_OK, "%s of %s", key, json))
		CHECK(n == strlen(wanted) && memcmp(out, wanted, n) == 0, "%s of %s: %.*s", key, json, (int) n, out);
}

static void
expect_no_field(const char *json, const char *key, JsonResult wanted)
{
	char		out[512];
	size_t		n;
	JsonResult	result = field(json, strlen(json), key, strlen(key), out, &n);

	CHECK(result == wanted, "%s of %s: %d", key, json, (int) result);
}

static JsonResult
merge(const char *target, const char *changes, char *out, size_t *outlen)
{
	JsonText	t = text(target);
	JsonText	c = text(changes);
	size_t		room_len = t.len + c.len + 8;
	char	   *room = malloc(room_len);
	JsonResult	result = json_merge_patch(t, c, room, outlen);

	if (result == JSON_OK && CHECK(*outlen <= room_len))
		memcpy(out, room, *outlen);
	free(room);
	release(t);
	release(c);
	return result;
}

static void
expect_merged(const char *target, const char *changes, const char *wanted)
{
	char		out[2048];
	size_t		n;

	if (CHECK(merge(target, changes, out, &n) == JSON_OK, "%s and %s", target, changes))
		CHECK(n == strlen(wanted) && memcmp(out, wanted, n) == 0, "%s and %s: %.*s", target, changes,
			  (int) n, out);
}

static void
expect_unmergeable(const char *target, const char *changes, JsonResult wanted)
{
	char		out[2048];
	size_t		n;

	CHECK(merge(target, changes, out, &n) == wanted, "%s and %s", target, changes);
}

static void
objects(void)
{
	static const char *const accepted[] = {
		"{}", " {} ", "\t{\n}\r", "{ }", "{\"a\":1}", "{\"\":1}", " { \"a\" : 1 , \"b\" : 2 } ",
		"{\"a\":1,\"a\":2}",
		"{\"a\":{}}", "{\"a\":[]}", "{\"a\":[ ]}", "{\"a\":[1,2 , [3]]}", "{\"a\":[{}]}",
		"{\"a\":{\"b\":{\"c\":null}}}",
		"{\"a\":true,\"b\":false,\"c\":null}", "{\"a\":\"\"}", "{\"a\":\"\x7f\"}",
		"{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}",
		"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"a\":\"\\u0000\\u001f\\uabcd\\uABCD\\uD83D\\uDE00\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\udc00\\ud800\"}",	/* grammatical; what they mean is another question */
		"{\"\\u0000\":1}", "{\"a\\nb\":1}",
	};

	for (size_t i = 0; i < lengthof(accepted); i++)
		CHECK(check(accepted[i], strlen(accepted[i])) == JSON_OK, "%s", accepted[i]);
}

static void
other_values(void)
{
	static const char *const accepted[] = {
		"[]", "[1]", " [ ] ", "\"\"", "\"{}\"", "0", "-0", "1", "-1.5e+3", "true", "false", "null", " null\n",
		"[{}]",
	};

	for (size_t i = 0; i < lengthof(accepted); i++)
		CHECK(check(accepted[i], strlen(accepted[i])) == JSON_NOT_OBJECT, "%s", accepted[i]);
}

static void
refused_texts(void)
{
	static const char *const refused[] = {
		"", " ", "\n", "{", "}", "[", "]", "{]", "[}", "{}}", "{{}}", "{} {}", "{},", ",{}", "{}x", "x{}",
		"{\"a\"}", "{\"a\":}", "{:1}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{\"a\" 1}", "{\"a\"::1}",
		"{\"a\"=1}",
		"{\"a\":1,}", "{,\"a\":1}", "{\"a\":1,,\"b\":2}", "{\"a\":1 \"b\":2}", "{\"a\":1;\"b\":2}", "{,}",
		"{\"a\":1", "{\"a\":", "{\"a\"", "{\"a", "{\"", "{\"a\":\"", "{\"a\":[", "{\"a\":[1", "{\"a\":[1,",
		"{\"a\":{",
		"{\"a\":[1,]}", "{\"a\":[,1]}", "{\"a\":[1 2]}", "{\"a\":[1}", "{\"a\":[1}]", "{\"a\":[\"b\":1]}",
		"{\"a\":True}", "{\"a\":TRUE}", "{\"a\":tru}", "{\"a\":truer}", "{\"a\":nul}", "{\"a\":nulll}",
		"{\"a\":Null}",
		"{\"a\":undefined}", "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":-Infinity}",
		"{/**/}", "{//\n}", "{}#", "/**/{}", "{\"a\":1/**/}",
		"{\"a\":'b'}", "{\"a\":b}", "{\"a\":\"b}", "{\"a\":b\"}", "{\"a\":\"b\"c\"}",
		"\xef\xbb\xbf{}", "{}\xef\xbb\xbf", "{\xc2\xa0}", "{\v}", "{\f}", "{\xe2\x80\xa8}",
		"[1", "\"a", "tru", "--1",
	};

	for (size_t i = 0; i < lengthof(refused); i++)
		CHECK(check(refused[i], strlen(refused[i])) == JSON_INVALID, "%s", refused[i]);
	CHECK(check("{}\0", 3) == JSON_INVALID);
	CHECK(check("\0{}", 3) == JSON_INVALID);
	CHECK(check("{\0}", 3) == JSON_INVALID);
}

static void
strings(void)
{
	/* Raw bytes: all but the quote, the backslash and what is below the blank. */
	for (int c = 0; c < 256; c++)
	{
		char		json[] = "{\"a\":\"x\"}";
		char		escaped[] = "{\"a\":\"\\x\"}";
		char		key[] = "{\"x\":1}";
		bool		good = c >= 0x20 && c != '"' && c != '\\';

		json[6] = key[2] = (char) c;
		CHECK((check(json, sizeof(json) - 1) == JSON_OK) == good, "byte %d", c);
		CHECK((check(key, sizeof(key) - 1) == JSON_OK) == good, "byte %d", c);

		/* After a backslash: eight characters; the u wants its digits. */
		escaped[7] = (char) c;
		CHECK((check(escaped, sizeof(escaped) - 1) == JSON_OK) == (c != 0 && strchr("\"\\/bfnrt", c) != NULL),
			  "byte %d", c);
	}

	/* Each byte at each place of four hex digits. */
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < 4; at++)
		{
			char		json[] = "{\"a\":\"\\u1234\"}";

			json[8 + at] = (char) c;
			CHECK((check(json, sizeof(json) - 1) == JSON_OK)
				  == (c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL), "byte %d at %zu", c, at);
		}
}

static void
numbers(void)
{
	static const char *const good[] = {
		"0", "-0", "1", "-1", "10", "1234567890", "0.0", "-0.0", "1.5", "0.001", "1e1", "1E1", "1e+1", "1e-1",
		"1e01",
		"0e0", "0E-0", "1.5e3", "-1.5E+3", "123456789012345678901234567890", "1e99999",
	};
	static const char *const bad[] = {
		"+1", "-", "--1", "01", "-01", "00", "1.", ".1", "-.1", "1..2", "1.2.3", "1e", "1e+", "1e-", "1E",
		"1e1.5", "1e1e1",
		"1.e1", "e1", "0x1", "0b1", "1_000", "1,000", "1 000", "- 1", "1 .5", "1e 1", "1f", "\xd9\xa1",
		"1e+-1",
	};
	char		json[64];

	for (size_t i = 0; i < lengthof(good); i++)
	{
		snprintf(json, sizeof(json), "{\"a\":%s}", good[i]);
		CHECK(check(json, strlen(json)) == JSON_OK, "%s", json);
		CHECK(check(good[i], strlen(good[i])) == JSON_NOT_OBJECT, "%s", good[i]);
		expect_field(json, "a", good[i]);
	}
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		snprintf(json, sizeof(json), "{\"a\":%s}", bad[i]);
		CHECK(check(json, strlen(json)) == JSON_INVALID, "%s", json);
		CHECK(check(bad[i], strlen(bad[i])) == JSON_INVALID, "%s", bad[i]);
	}
}

/* A good document cut anywhere is no document. */
static void
every_truncation(void)
{
	static const char json[] = "{\"a\\u00e4\" : [1.5e-3, true, {\"b\": null}], "
		"\"c\": \"\\ud83d\\ude00\\n\", \"d\":{}}";

	CHECK(check(json, sizeof(json) - 1) == JSON_OK);
	for (size_t len = 0; len < sizeof(json) - 1; len++)
		CHECK(check(json, len) == JSON_INVALID, "%zu", len);
}

/* {"a":[[...[inner]...]]}: the object and so many arrays. */
static JsonResult
check_nested(int arrays, const char *inner)
{
	char	   *json = malloc(2 * (size_t) arrays + strlen(inner) + 7);
	char	   *at = json;
	JsonResult	result;

	at += sprintf(at, "{\"a\":");
	memset(at, '[', (size_t) arrays);
	at += arrays;
	at += sprintf(at, "%s", inner);
	memset(at, ']', (size_t) arrays);
	at += arrays;
	*at++ = '}';
	result = check(json, (size_t) (at - json));
	free(json);
	return result;
}

/* A value is a level, whatever it is: {"a":1} has two. */
static void
depth(void)
{
	CHECK(check_nested(JSON_MAX_DEPTH - 1, "") == JSON_OK);
	CHECK(check_nested(JSON_MAX_DEPTH, "") == JSON_INVALID);
	CHECK(check_nested(JSON_MAX_DEPTH - 2, "1") == JSON_OK);
	CHECK(check_nested(JSON_MAX_DEPTH - 1, "1") == JSON_INVALID);
	CHECK(check_nested(JSON_MAX_DEPTH - 2, "{}") == JSON_OK);
	CHECK(check_nested(JSON_MAX_DEPTH - 1, "{}") == JSON_INVALID);
	CHECK(check_nested(1000000, "") == JSON_INVALID);
}

/* Objects to the last level, merged with themselves: the recursion goes down with them. */
static void
deep_merge(void)
{
	size_t		levels = JSON_MAX_DEPTH;
	char	   *json = malloc(6 * levels);
	char	   *out;
	char	   *at = json;
	JsonText	t;
	size_t		n;

	for (size_t i = 1; i < levels; i++)
		at += sprintf(at, "{\"a\":");
	at += sprintf(at, "{}");
	for (size_t i = 1; i < levels; i++)
		*at++ = '}';
	t = text_of(json, (size_t) (at - json));
	out = malloc(2 * t.len + 8);
	CHECK(json_check_object(t) == JSON_OK);
	CHECK(json_merge_patch(t, t, out, &n) == JSON_OK && n == t.len && memcmp(out, t.data, n) == 0);
	CHECK(json_merge_patch((JsonText) {"{}", 2}, t, out, &n) == JSON_OK
		  && n == t.len && memcmp(out, t.data, n) == 0);
	free(out);
	free(json);
	release(t);
}

static void
plain_fields(void)
{
	static const char json[] =
		" { \"s\" : \"text\" , \"n\":1.50, \"t\":true, \"f\" : false,\"z\":null, "
		"\"o\": { \"s\" : 1 } , \"l\":[ 1, 2 ], \"\":\"empty\" } ";

	expect_field(json, "s", "text");
	expect_field(json, "n", "1.50");
	expect_field(json, "t", "true");
	expect_field(json, "f", "false");
	expect_field(json, "o", "{ \"s\" : 1 }");
	expect_field(json, "l", "[ 1, 2 ]");
	expect_field(json, "", "empty");
	expect_no_field(json, "z", JSON_NULL_FIELD);
	expect_no_field(json, "S", JSON_NO_FIELD);
	expect_no_field(json, "text", JSON_NO_FIELD);
	expect_no_field(json, " s", JSON_NO_FIELD);
	expect_no_field("{}", "", JSON_NO_FIELD);
	expect_no_field("{\"a\":{\"b\":1}}", "b", JSON_NO_FIELD);
	expect_no_field("{\"a\":{\"b\":1}}", "a.b", JSON_NO_FIELD);
	expect_field("{\"a\":\"null\"}", "a", "null");
	expect_field("{\"a\":\"\"}", "a", "");
	expect_no_field("[1]", "a", JSON_NOT_OBJECT);
	expect_no_field("\"a\"", "a", JSON_NOT_OBJECT);
	expect_no_field("{\"a\":1", "a", JSON_INVALID);
	expect_no_field("{\"a\":1}}", "a", JSON_INVALID);
	expect_no_field("", "a", JSON_INVALID);
}

static void
unescaped_fields(void)
{
	expect_field("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "a", "\"\\/\b\f\n\r\t");
	expect_field("{\"a\":\"\\u0041\\u007f\"}", "a", "A\x7f");
	expect_field("{\"a\":\"\\u0080\\u00e4\\u07ff\"}", "a", "\xc2\x80\xc3\xa4\xdf\xbf");
	expect_field("{\"a\":\"\\u0800\\u20ac\\ud7ff\\ue000\\uffff\"}", "a",
				 "\xe0\xa0\x80\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf");
	expect_field("{\"a\":\"\\ud800\\udc00\\uD83D\\uDE00\\udbff\\udfff\"}", "a",
				 "\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
	expect_field("{\"a\":\"x\\u00e4y\xc3\xa4z\"}", "a", "x\xc3\xa4y\xc3\xa4z");
	expect_field("{\"a\":\"\\\\u0041\"}", "a", "\\u0041");
	expect_field("{\"a\":\"\\\\\\u0041\"}", "a", "\\A");
	expect_field("{\"a\":[\"\\u0041\"]}", "a", "[\"\\u0041\"]");
}

static void
untranslatable_fields(void)
{
	static const char *const values[] = {
		"\\u0000", "a\\u0000b", "\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\ud800x", "\\ud800\\n",
		"\\ud800\\u0041",
		"\\ud800\\ud800", "\\udc00\\ud800", "\\ud800\\ud800\\udc00", "\\ud83d\\\\ude00", "\\ude00\\ud83d",
		"\\ud800\\ud7ff",
		"\\ud800\\ue000",
	};
	char		json[64];

	for (size_t i = 0; i < lengthof(values); i++)
	{
		snprintf(json, sizeof(json), "{\"a\":\"%s\",\"b\":1}", values[i]);
		expect_no_field(json, "a", JSON_UNTRANSLATABLE);
		expect_field(json, "b", "1");	/* only who asks for it is told */
		snprintf(json, sizeof(json), "{\"a\":[\"%s\"]}", values[i]);
		CHECK(check(json, strlen(json)) == JSON_OK);
		snprintf(json, sizeof(json), "{\"%s\":1,\"b\":2}", values[i]);
		expect_field(json, "b", "2");	/* nor is a key that cannot be written in the way of others */
		expect_no_field(json, "a", JSON_NO_FIELD);
	}
}

static void
last_of_equal_keys(void)
{
	expect_field("{\"a\":1,\"a\":2}", "a", "2");
	expect_field("{\"a\":1,\"b\":0,\"a\":2,\"c\":0}", "a", "2");
	expect_field("{\"a\":null,\"a\":2}", "a", "2");
	expect_no_field("{\"a\":1,\"a\":null}", "a", JSON_NULL_FIELD);
	expect_field("{\"a\":1,\"\\u0061\":2}", "a", "2");
	expect_field("{\"\\u0061\":1,\"a\":2}", "a", "2");
	expect_field("{\"\\u00e4\":1}", "\xc3\xa4", "1");
	expect_field("{\"\\ud83d\\ude00\":1}", "\xf0\x9f\x98\x80", "1");
	expect_field("{\"a\\/b\":1}", "a/b", "1");
	expect_no_field("{\"a\":1}", "a\\", JSON_NO_FIELD);
	expect_no_field("{\"ab\":1}", "a", JSON_NO_FIELD);
	expect_no_field("{\"a\":1}", "ab", JSON_NO_FIELD);
	expect_no_field("{\"a\":1}", "\\u0061", JSON_NO_FIELD);	/* the caller's key is plain */
	expect_field("{\"\\\\u0061\":1}", "\\u0061", "1");
}

/* RFC 7396, appendix A: the examples in which both are objects, written without blanks. */
static void
rfc7396_examples(void)
{
	expect_merged("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
	expect_merged("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
	expect_merged("{\"a\":\"b\"}", "{\"a\":null}", "{}");
	expect_merged("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
	expect_merged("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
	expect_merged("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
	expect_merged("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}");
	expect_merged("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
	expect_merged("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
	expect_merged("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
}

/* The appendix's other examples: here both must be objects. */
static void
only_objects_merge(void)
{
	expect_unmergeable("[\"a\",\"b\"]", "[\"c\",\"d\"]", JSON_NOT_OBJECT);
	expect_unmergeable("{\"a\":\"b\"}", "[\"c\"]", JSON_NOT_OBJECT);
	expect_unmergeable("{\"a\":\"foo\"}", "null", JSON_NOT_OBJECT);
	expect_unmergeable("{\"a\":\"foo\"}", "\"bar\"", JSON_NOT_OBJECT);
	expect_unmergeable("[1,2]", "{\"a\":\"b\",\"c\":null}", JSON_NOT_OBJECT);
	expect_unmergeable("{", "{}", JSON_INVALID);
	expect_unmergeable("{}", "{", JSON_INVALID);
	expect_unmergeable("{}", "", JSON_INVALID);
}

static void
merges(void)
{
	/* Nothing to do, and everything new. */
	expect_merged("{}", "{}", "{}");
	expect_merged("{\"a\":1}", "{}", "{\"a\":1}");
	expect_merged("{}", "{\"a\":1}", "{\"a\":1}");
	expect_merged("{}", "{\"a\":null}", "{}");
	expect_merged(" { \"a\" : 1 , \"b\" : 2 } ", " { \"c\" : 3 } ", "{\"a\":1,\"b\":2,\"c\":3}");

	/* What is not touched stays as it was written; what is set comes as the patch writes it. */
	expect_merged("{\"a\":1.500,\"b\":[ 1,null ],\"c\":{ \"x\" : null }}", "{\"d\":[ null ]}",
				  "{\"a\":1.500,\"b\":[ 1,null ],\"c\":{ \"x\" : null },\"d\":[ null ]}");
	expect_merged("{\"\\u0061\":1}", "{\"a\":2}", "{\"\\u0061\":2}");
	expect_merged("{\"a\":1}", "{\"\\u0061\":null}", "{}");
	expect_merged("{\"a\":\"\\u0000\"}", "{\"b\":\"\\ud800\"}", "{\"a\":\"\\u0000\",\"b\":\"\\ud800\"}");

	/* Objects into objects, into other values, and other values into objects. */
	expect_merged("{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":null,\"z\":3}}", "{\"a\":{\"x\":1,\"z\":3}}");
	expect_merged("{\"a\":1}", "{\"a\":{\"x\":null,\"y\":{\"z\":null}}}", "{\"a\":{\"y\":{}}}");
	expect_merged("{\"a\":{\"x\":1}}", "{\"a\":2}", "{\"a\":2}");
	expect_merged("{\"a\":{\"x\":1}}", "{\"a\":{}}", "{\"a\":{\"x\":1}}");
	expect_merged("{\"a\":{\"x\":{\"y\":1}}}", "{\"a\":{\"x\":{\"y\":null}}}", "{\"a\":{\"x\":{}}}");
	expect_merged("{\"a\":null}", "{\"a\":{\"x\":null}}", "{\"a\":{}}");

	/* A key that comes twice counts once. */
	expect_merged("{\"a\":1,\"b\":2,\"a\":3}", "{}", "{\"b\":2,\"a\":3}");
	expect_merged("{\"a\":1,\"a\":2}", "{\"a\":null}", "{}");
	expect_merged("{}", "{\"a\":1,\"a\":2}", "{\"a\":2}");
	expect_merged("{\"a\":0}", "{\"a\":1,\"a\":null}", "{}");
	expect_merged("{\"a\":0}", "{\"a\":null,\"\\u0061\":1}", "{\"a\":1}");
	expect_merged("{\"a\":{\"x\":1},\"a\":{\"y\":1}}", "{\"a\":{\"z\":1}}", "{\"a\":{\"y\":1,\"z\":1}}");

	/* Keys that no text can hold are still keys, and themselves. */
	expect_merged("{\"\\u0000\":1,\"\\ud800\":2}", "{\"\\u0000\":null,\"\\udc00\":3}",
				  "{\"\\ud800\":2,\"\\udc00\":3}");
}

static int	interruptions;

static void
count_interruption(void)
{
	interruptions++;
}

static void
interrupts_are_asked_for(void)
{
	json_interrupt = count_interruption;
	expect_field("{\"a\":1,\"b\":2,\"c\":3}", "b", "2");
	CHECK(interruptions >= 3, "%d", interruptions);
	interruptions = 0;
	expect_merged("{\"a\":1,\"b\":2}", "{\"c\":3}", "{\"a\":1,\"b\":2,\"c\":3}");
	CHECK(interruptions >= 3, "%d", interruptions);
	json_interrupt = NULL;
}

int
main(void)
{
	RUN(objects);
	RUN(other_values);
	RUN(refused_texts);
	RUN(strings);
	RUN(numbers);
	RUN(every_truncation);
	RUN(depth);
	RUN(deep_merge);
	RUN(plain_fields);
	RUN(unescaped_fields);
	RUN(untranslatable_fields);
	RUN(last_of_equal_keys);
	RUN(rfc7396_examples);
	RUN(only_objects_merge);
	RUN(merges);
	RUN(interrupts_are_asked_for);
	return check_summary("json");
}
