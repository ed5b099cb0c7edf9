/*
 * base/options.c
 */
#include "postgres.h"

#include <limits.h>

#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/options.h"
#include "base/refuse.h"

pg_noreturn static void
refuse_value(const Option *option, const char *wanted)
{
	REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
		   errmsg("option \"%s\" must be %s", option->key, wanted));
}

static const Option *
find_option(const JsonbValue *key, const Option *known, int nknown)
{
	for (int i = 0; i < nknown; i++)
		if ((int) strlen(known[i].key) == key->val.string.len
			&& memcmp(known[i].key, key->val.string.val, (size_t) key->val.string.len) == 0)
			return &known[i];
	return NULL;
}

pg_noreturn static void
refuse_key(const Option *known, int nknown)
{
	StringInfoData keys;

	initStringInfo(&keys);
	for (int i = 0; i < nknown; i++)
		appendStringInfo(&keys, "%s%s", i ? ", " : "", known[i].key);
	REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
		   errmsg("unknown option"),
		   nknown ? errhint("Known here: %s.", keys.data) : errhint("This call takes no options yet."));
}

static char *
copy_string(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, (Size) value->val.string.len);
}

static int
read_int(const Option *option, const JsonbValue *value)
{
	bool		have_error = false;
	char	   *digits;
	char	   *end;
	long		n;

	if (value->type != jbvNumeric)
		refuse_value(option, "a whole number");
	digits = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	errno = 0;
	n = strtol(digits, &end, 10);
	have_error = errno != 0 || *end != '\0' || n < INT_MIN || n > INT_MAX;
	if (have_error)
		refuse_value(option, "a whole number");
	return (int) n;
}

static List *
read_texts(const Option *option, JsonbContainer *array)
{
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;
	List	   *texts = NIL;

	it = JsonbIteratorInit(array);
	token = JsonbIteratorNext(&it, &value, true);
	if (token != WJB_BEGIN_ARRAY)
		refuse_value(option, "an array of strings");
	while ((token = JsonbIteratorNext(&it, &value, true)) == WJB_ELEM)
	{
		if (value.type != jbvString)
			refuse_value(option, "an array of strings");
		texts = lappend(texts, copy_string(&value));
	}
	return texts;
}

static void
read_option(const Option *option, const JsonbValue *value)
{
	switch (option->type)
	{
		case OPTION_TEXT:
			if (value->type != jbvString)
				refuse_value(option, "a string");
			*(char **) option->target = copy_string(value);
			break;
		case OPTION_INT:
			*(int *) option->target = read_int(option, value);
			break;
		case OPTION_BOOL:
			if (value->type != jbvBool)
				refuse_value(option, "true or false");
			*(int *) option->target = value->val.boolean;
			break;
		case OPTION_TEXTS:
			if (value->type != jbvBinary)
				refuse_value(option, "an array of strings");
			*(List **) option->target = read_texts(option, value->val.binary.data);
			break;
	}
}

void
options_read(Jsonb *options, const Option *known, int nknown)
{
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(options))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("options must be a JSON object"));
	it = JsonbIteratorInit(&options->root);
	(void) JsonbIteratorNext(&it, &key, true);
	while (JsonbIteratorNext(&it, &key, true) == WJB_KEY)
	{
		const Option *option = find_option(&key, known, nknown);

		if (option == NULL)
			refuse_key(known, nknown);
		(void) JsonbIteratorNext(&it, &value, true);
		read_option(option, &value);
	}
}
