/*
 * redact/given.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"

#include "base/buffer.h"
#include "base/jsonb.h"
#include "redact/given.h"
#include "redact/values.h"
#include "redact/words.h"

#define MOST_LITERALS		64
#define SHORTEST_LITERAL	8	/* what is shorter is many an innocent word */

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == BYTEAOID || type == JSONOID;
}

static void
remember_bytes(Datum value)
{
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);

	values_remember(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	if ((Pointer) bytes != DatumGetPointer(value))
	{
		explicit_bzero(bytes, VARSIZE_ANY(bytes));
		pfree(bytes);
	}
}

static void
remember_json(Datum value)
{
	Jsonb	   *jsonb = DatumGetJsonbP(value);
	Size		len = jsonb_text_len(jsonb);
	SecretBuffer *json = buffer_alloc(len);

	jsonb_write_text(jsonb, buffer_data(json));
	values_remember(buffer_data(json), len);
	buffer_free(json);
}

static void
remember(const ParamExternData *param)
{
	if (param->isnull)
		return;
	if (is_text(param->ptype))
		remember_bytes(param->value);
	else if (param->ptype == UNKNOWNOID)
		values_remember(DatumGetCString(param->value), strlen(DatumGetCString(param->value)));
	else if (param->ptype == JSONBOID)
		remember_json(param->value);
}

void
given_remember_params(const char *text, ParamListInfo params)
{
	MaskParams	known;

	/* Variables of functions are fetched one by one, and have no place of their own. */
	if (params == NULL || params->paramFetch || params->numParams == 0)
		return;
	known = words_find_params(text, strlen(text));
	for (int i = 0; i < params->numParams; i++)
		if (i >= 64 || !(known.names & ~known.values & UINT64CONST(1) << i))
			remember(&params->params[i]);
}

/* Only the log has them covered, and not for long: so it does no harm that names of roles are among them. */
void
given_remember_literals(const char *text, const char *masked)
{
	int			n = 0;

	for (Size at = 0; text[at] && n < MOST_LITERALS; at++)
	{
		Size		from = at;

		while (text[at] && text[at] != masked[at])
			at++;
		if (at - from >= SHORTEST_LITERAL)
		{
			values_remember(text + from, at - from);
			n++;
		}
		if (text[at] == '\0')
			break;
	}
}
