/*
 * policy/grantee.c: whom rules are for while a restore may still be under way.
 *
 * Then a tag may be nowhere in this cluster, and the name that its rules were
 * last given under tells the role.  One role has one tag: two of one name were
 * two roles, one was renamed and another came to its name.  Who bears a tag is
 * the one, else the one that was given something last; the other's rules are
 * nobody's.
 */
#include "postgres.h"

#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "policy/rule.h"

static MemoryContext memory = NULL;
static HTAB *grantees = NULL;
static uint64 grantees_rules = 0;	/* of which state they are */
static uint64 grantees_roles = 0;

static bool
is_later(const Grantee *grantee, const Grantee *than)
{
	if (grantee->granted_at != than->granted_at)
		return grantee->granted_at > than->granted_at;
	return memcmp(&grantee->rule, &than->rule, UUID_LEN) < 0;
}

static void
take_rule(const Rule *rule)
{
	Grantee		read = {.granted_at = rule->granted_at,.rule = rule->id,.likely = rule->grantee_oid};
	Grantee    *grantee;
	bool		found;

	strlcpy(read.tag, rule->grantee_tag, NAMEDATALEN);
	if (strlcpy(read.name, rule->grantee, NAMEDATALEN) >= NAMEDATALEN)
		read.name[0] = '\0';
	grantee = hash_search(grantees, read.tag, HASH_ENTER, &found);
	if (!found || is_later(&read, grantee))
		*grantee = read;
}

static void
read_grantees(void)
{
	MemoryContext before = MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext, "secrets, all rules",
																	   ALLOCSET_DEFAULT_SIZES));
	ListCell   *cell;

	foreach(cell, policy_read_rules())
		if (!rule_is_public(lfirst(cell)))
			take_rule(lfirst(cell));
	MemoryContextDelete(MemoryContextSwitchTo(before));
}

typedef struct Claim
{
	Oid			role;			/* the key */
	Grantee    *grantee;
} Claim;

static void
claim(HTAB *claims, Oid role, Grantee *grantee)
{
	bool		found;
	Claim	   *by = hash_search(claims, &role, HASH_ENTER, &found);

	/* Who has his role already is its bearer. */
	if (!found || (!OidIsValid(by->grantee->role) && is_later(grantee, by->grantee)))
		by->grantee = grantee;
}

static void
choose_roles(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Claim),.hcxt = memory};
	HTAB	   *claims = hash_create("secrets, claims to roles", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	HASH_SEQ_STATUS all;
	Grantee    *grantee;
	Claim	   *by;

	hash_seq_init(&all, grantees);
	while ((grantee = hash_seq_search(&all)) != NULL)
		if (OidIsValid(grantee->role = role_of_tag(grantee->tag, grantee->likely)))
			claim(claims, grantee->role, grantee);
	hash_seq_init(&all, grantees);
	while ((grantee = hash_seq_search(&all)) != NULL)
	{
		Oid			role = OidIsValid(grantee->role) ? InvalidOid : get_role_oid(grantee->name, true);

		if (OidIsValid(role))
			claim(claims, role, grantee);
	}
	hash_seq_init(&all, claims);
	while ((by = hash_seq_search(&all)) != NULL)
		by->grantee->role = by->role;
}

/* What an error in the middle leaves behind is never looked at again. */
static void
choose_grantees(void)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN,.entrysize = sizeof(Grantee)};

	if (grantees && grantees_rules == rule_generation() && grantees_roles == role_generation())
		return;
	if (memory == NULL)
		memory = AllocSetContextCreate(TopMemoryContext, "secrets, whom rules are for", ALLOCSET_DEFAULT_SIZES);
	grantees = NULL;
	MemoryContextReset(memory);
	rule_listen();
	grantees_rules = rule_generation();
	grantees_roles = role_generation();
	ctl.hcxt = memory;
	grantees = hash_create("secrets, whom rules are for", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	PG_TRY();
	{
		read_grantees();
		choose_roles();
	}
	PG_CATCH();
	{
		grantees = NULL;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

Oid
grantee_role(const char *tag)
{
	Grantee    *grantee;

	choose_grantees();
	grantee = hash_search(grantees, tag, HASH_FIND, NULL);
	return grantee ? grantee->role : InvalidOid;
}

static int
compare_roles(const ListCell *a, const ListCell *b)
{
	Oid			role = ((Grantee *) lfirst(a))->role;
	Oid			than = ((Grantee *) lfirst(b))->role;

	return role < than ? -1 : role > than;
}

List *
grantees_with_role(void)
{
	List	   *list = NIL;
	HASH_SEQ_STATUS all;
	Grantee    *grantee;

	choose_grantees();
	hash_seq_init(&all, grantees);
	while ((grantee = hash_seq_search(&all)) != NULL)
		if (OidIsValid(grantee->role))
		{
			Grantee    *copy = palloc(sizeof(Grantee));

			*copy = *grantee;
			list = lappend(list, copy);
		}
	list_sort(list, compare_roles);
	return list;
}
