/*
 * fuzz_json.c: a document, a patch and a key, 0xff between them.
 *
 * All outputs are as small as kv/json.h promises to be enough.
 */
#include "property.h"

#include "kv/json.h"

typedef struct Answer
{
	JsonResult	result;
	char	   *data;			/* exactly len bytes, so that the next reader is watched too */
	size_t		len;
} Answer;

static JsonText
as_text(const Answer *a)
{
	return (JsonText) {a->data, a->len};
}

static Answer
shrink(JsonResult result, char *room, size_t len)
{
	Answer		answer = {result, NULL, result == JSON_OK ? len : 0};

	answer.data = exact_room(answer.len);
	memcpy(answer.data, room, answer.len);
	free(room);
	return answer;
}

static Answer
get_field(JsonText text, JsonText key)
{
	char	   *room = exact_room(text.len);
	size_t		len = 0;
	JsonResult	result = json_get_field(text, key, room, &len);

	PROPERTY(result != JSON_OK || len <= text.len);
	return shrink(result, room, len);
}

static Answer
merge(JsonText target, JsonText changes)
{
	size_t		room_len = target.len + changes.len + 8;
	char	   *room = exact_room(room_len);
	size_t		len = 0;
	JsonResult	result = json_merge_patch(target, changes, room, &len);

	PROPERTY(result != JSON_OK || len <= room_len);
	return shrink(result, room, len);
}

static bool
same(const Answer *a, const Answer *b)
{
	return a->result == b->result && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* A field that is an object in both is merged itself; of all others one side is the answer. */
static void
check_merged_field(const Answer *target, const Answer *patch, const Answer *merged)
{
	bool		patch_is_object = patch->result == JSON_OK && patch->len > 0 && patch->data[0] == '{';

	if (patch->result == JSON_NO_FIELD)
		PROPERTY(same(merged, target));
	else if (patch->result == JSON_NULL_FIELD)
		PROPERTY(merged->result == JSON_NO_FIELD);
	else if (!patch_is_object)
		PROPERTY(same(merged, patch));
	else
		PROPERTY(merged->result == JSON_OK);
}

static void
check_merge(JsonText target, JsonText patch, JsonText key)
{
	static const JsonText nothing = {"{}", 2};
	Answer		merged = merge(target, patch);
	Answer		again;
	Answer		alone;
	Answer		cleaned;
	Answer		target_field;
	Answer		patch_field;
	Answer		merged_field;

	PROPERTY(merged.result == JSON_OK);
	PROPERTY(json_check_object(as_text(&merged)) == JSON_OK);

	/* The same patch changes nothing the second time, and no patch nothing at all. */
	again = merge(as_text(&merged), patch);
	PROPERTY(same(&again, &merged));
	alone = merge(as_text(&merged), nothing);
	PROPERTY(same(&alone, &merged));

	/* A patch applied to nothing is a patch without its nulls: it has none to lose. */
	cleaned = merge(nothing, patch);
	PROPERTY(json_check_object(as_text(&cleaned)) == JSON_OK && cleaned.len <= patch.len);

	target_field = get_field(target, key);
	patch_field = get_field(patch, key);
	merged_field = get_field(as_text(&merged), key);
	check_merged_field(&target_field, &patch_field, &merged_field);

	free(merged.data);
	free(again.data);
	free(alone.data);
	free(cleaned.data);
	free(target_field.data);
	free(patch_field.data);
	free(merged_field.data);
}

/* What was read by itself is judged alike with blanks around it, and an object is none when cut. */
static void
check_document(JsonText text, JsonResult result)
{
	char	   *wider = exact_room(text.len + 4);
	Answer		field;

	memcpy(wider, " \n", 2);
	memcpy(wider + 2, text.data, text.len);
	memcpy(wider + 2 + text.len, "\t\r", 2);
	PROPERTY(json_check_object((JsonText) {wider, text.len + 4}) == result);
	free(wider);

	/* An object ends with its brace; what comes before that is none. */
	if (result == JSON_OK)
	{
		size_t		len = text.len;

		while (text.data[len - 1] != '}')
			len--;
		PROPERTY(json_check_object((JsonText) {text.data, len}) == JSON_OK);
		PROPERTY(json_check_object((JsonText) {text.data, len - 1}) == JSON_INVALID);
	}

	field = get_field(text, (JsonText) {"a", 1});
	PROPERTY((field.result == JSON_INVALID) == (result == JSON_INVALID));
	PROPERTY((field.result == JSON_NOT_OBJECT) == (result == JSON_NOT_OBJECT));
	free(field.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Part		target = next_part(&data, &size);
	Part		patch = next_part(&data, &size);
	Part		key = next_part(&data, &size);
	JsonText	t = {target.data, target.len};
	JsonText	p = {patch.data, patch.len};
	JsonText	k = {key.data, key.len};
	JsonResult	t_result = json_check_object(t);
	JsonResult	p_result = json_check_object(p);

	check_document(t, t_result);
	if (t_result == JSON_OK && p_result == JSON_OK)
		check_merge(t, p, k);
	else
	{
		Answer		merged = merge(t, p);

		PROPERTY(merged.result == (t_result != JSON_OK ? t_result : p_result));
		free(merged.data);
	}
	free(target.data);
	free(patch.data);
	free(key.data);
	return 0;
}
