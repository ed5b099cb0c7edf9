/*
 * rotation/options.c
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "base/refuse.h"
#include "rotation/options.h"

bool
options_are_empty(struct varlena *options)
{
	Jsonb	   *jsonb = (Jsonb *) options;

	if (!JB_ROOT_IS_OBJECT(jsonb))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("options must be a JSON object"));
	return JB_ROOT_COUNT(jsonb) == 0;
}

struct varlena *
options_take_text(struct varlena *options, const char *key, char **text)
{
	Jsonb	   *jsonb = (Jsonb *) options;
	JsonbValue	value;

	*text = NULL;
	if (options_are_empty(options))
		return options;
	if (getKeyJsonValueFromContainer(&jsonb->root, key, (int) strlen(key), &value) == NULL)
		return options;
	if (value.type != jbvString)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("option \"%s\" must be a string", key));
	*text = pnstrdup(value.val.string.val, (Size) value.val.string.len);
	return (struct varlena *) DatumGetPointer(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(jsonb), CStringGetTextDatum(key)));
}
