/*
 * rotation/wanted.c
 */
#include "postgres.h"

#include "utils/snapmgr.h"

#include "base/catalog.h"
#include "rotation/wanted.h"
#include "store/name.h"

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((Wanted *) lfirst(a))->name, ((Wanted *) lfirst(b))->name);
}

List *
wanted_find(const char *pattern, WantedFilter filter)
{
	Snapshot	snapshot = catalog_snapshot();
	List	   *all = NIL;
	ListCell   *cell;

	foreach(cell, rotation_list(snapshot))
	{
		const Rotation *rotation = lfirst(cell);
		Wanted	   *wanted;
		Secret		secret;

		if (!store_find_by_id(&rotation->secret_id, snapshot, &secret) || !filter(pattern, rotation, &secret))
			continue;
		wanted = palloc(sizeof(Wanted));
		wanted->id = rotation->secret_id;
		wanted->name = secret.name;
		all = lappend(all, wanted);
	}
	UnregisterSnapshot(snapshot);
	list_sort(all, compare_names);
	return all;
}

bool
wanted_matches(const char *pattern, const Secret *secret)
{
	return secret->deleted_at == NEVER && pattern_matches(pattern, strlen(pattern), secret->name, strlen(secret->name));
}
