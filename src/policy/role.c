/*
 * policy/role.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_shseclabel.h"
#include "commands/seclabel.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "crypto/codec.h"
#include "crypto/random.h"
#include "policy/role.h"

#define PROVIDER "secrets"

static uint64 generation = 1;

uint64
role_generation(void)
{
	return generation;
}

static void
on_syscache_change(Datum arg, int cacheid, uint32 hashvalue)
{
	generation++;
}

static void
on_relation_change(Datum arg, Oid relid)
{
	if (relid == SharedSecLabelRelationId || relid == InvalidOid)
		generation++;
}

/* ---- the label ---- */

static ObjectAddress
address_of(Oid role)
{
	ObjectAddress address;

	ObjectAddressSet(address, AuthIdRelationId, role);
	return address;
}

static bool
is_tag(const char *text)
{
	return strlen(text) == TAG_LEN && strspn(text, "0123456789abcdef") == TAG_LEN;
}

static bool
is_other_tag(Oid role, const char *tag)
{
	char		mine[NAMEDATALEN];

	return role_read_tag(role, mine) && strcmp(mine, tag) != 0;
}

static bool
is_of_other(Oid role, const char *tag)
{
	Oid			bearer = role_of_tag(tag, InvalidOid);

	return OidIsValid(bearer) && bearer != role;
}

/*
 * SECURITY LABEL FOR secrets ON ROLE: only what restores the output of
 * pg_dumpall.  Whoever may label a role could else take another's rules.  Where
 * the roles were here before, restored globals change nothing.
 */
static void
check_label(const ObjectAddress *object, const char *label)
{
	if (!superuser())
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("only a superuser may set the label by which secrets knows a role"));
	if (object->classId != AuthIdRelationId || (label && !is_tag(label)))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("this label is set by secrets.grant(), on roles, and by restoring what pg_dumpall wrote"));
	if (label && (is_other_tag(object->objectId, label) || is_of_other(object->objectId, label)))
		REFUSE(ERRCODE_DUPLICATE_OBJECT,
			   errmsg("this role has another label already, or another role has this one"),
			   errdetail("Its rules, denies too, would be nobody's, or another's as well."),
			   errhint("Leave it as it is: rules that are restored find the role by its name."));
	/* Labels have no cache, so nobody else would be told. */
	CacheInvalidateRelcacheByRelid(SharedSecLabelRelationId);
}

/* Reserved names cannot be given to another role, nor taken away. */
static bool
read_predefined(Oid role, char tag[NAMEDATALEN])
{
	char	   *name = GetUserNameFromId(role, true);

	if (name == NULL || !IsReservedName(name))
		return false;
	strlcpy(tag, name, NAMEDATALEN);
	return true;
}

bool
role_read_tag(Oid role, char tag[NAMEDATALEN])
{
	ObjectAddress address = address_of(role);
	char	   *label;

	if (read_predefined(role, tag))
		return true;
	label = GetSecurityLabel(&address, PROVIDER);
	if (label == NULL || !is_tag(label))
		return false;
	strlcpy(tag, label, NAMEDATALEN);
	return true;
}

bool
role_lock(Oid role)
{
	LockSharedObject(AuthIdRelationId, role, 0, AccessShareLock);
	return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role));
}

void
role_make_tag(Oid role, const char *wanted, char tag[NAMEDATALEN])
{
	ObjectAddress address = address_of(role);
	uint8_t		random[TAG_LEN / 2];

	if (role_read_tag(role, tag))
		return;
	LockSharedObject(AuthIdRelationId, role, 0, ShareUpdateExclusiveLock);
	if (role_read_tag(role, tag))
		return;					/* somebody else's by now */
	if (!random_public(random, sizeof(random)))
		refuse_crypto();
	codec_to_hex(random, sizeof(random), tag);
	if (wanted && is_tag(wanted))
		strlcpy(tag, wanted, NAMEDATALEN);
	SetSecurityLabel(&address, PROVIDER, tag);
	CacheInvalidateRelcacheByRelid(SharedSecLabelRelationId);
	CommandCounterIncrement();
}

/*
 * Who bears which tag, as far as was asked; all of them where an OID is not its
 * own any more, after a restore or for the rules of a role that is gone.
 * Begun anew when a role has changed.
 */
typedef struct Label
{
	char		tag[TAG_LEN + 1];
	Oid			role;			/* InvalidOid: two bear it, and so nobody does */
} Label;

static HTAB *labels = NULL;
static uint64 labels_generation = 0;
static bool labels_complete = false;

static void
begin_labels(void)
{
	HASHCTL		ctl = {.keysize = TAG_LEN + 1,.entrysize = sizeof(Label)};
	HTAB	   *old = labels;

	labels = NULL;				/* also where there is no memory for the next */
	if (old)
		hash_destroy(old);
	labels = hash_create("secrets, labels of roles", 64, &ctl, HASH_ELEM | HASH_STRINGS);
	labels_generation = generation;
	labels_complete = false;
}

static Oid
remember_label(const char *tag, Oid role)
{
	Label	   *label = hash_search(labels, tag, HASH_ENTER, NULL);

	return label->role = role;
}

static void
take_label(HeapTuple tuple, TupleDesc desc)
{
	Form_pg_shseclabel form = (Form_pg_shseclabel) GETSTRUCT(tuple);
	bool		isnull;
	char	   *provider = TextDatumGetCString(heap_getattr(tuple, Anum_pg_shseclabel_provider, desc, &isnull));
	char	   *tag = TextDatumGetCString(heap_getattr(tuple, Anum_pg_shseclabel_label, desc, &isnull));
	Label	   *label;
	bool		found;

	if (form->classoid != AuthIdRelationId || strcmp(provider, PROVIDER) != 0 || !is_tag(tag))
		return;
	label = hash_search(labels, tag, HASH_ENTER, &found);
	label->role = found ? InvalidOid : form->objoid;
}

static void
read_labels(void)
{
	Relation	rel = table_open(SharedSecLabelRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	begin_labels();
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		take_label(tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	labels_complete = true;
}

Oid
role_of_tag(const char *tag, Oid likely)
{
	char		theirs[NAMEDATALEN];
	Label	   *label;

	if (IsReservedName(tag))
		return get_role_oid(tag, true);
	if (!is_tag(tag))
		return InvalidOid;
	if (labels == NULL || labels_generation != generation)
		begin_labels();
	label = hash_search(labels, tag, HASH_FIND, NULL);
	if (label)
		return label->role;
	if (OidIsValid(likely) && role_read_tag(likely, theirs) && strcmp(theirs, tag) == 0)
		return remember_label(tag, likely);
	if (!labels_complete)
		read_labels();
	label = hash_search(labels, tag, HASH_FIND, NULL);
	return label ? label->role : InvalidOid;
}

/* ---- memberships ---- */

static bool
inherits(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_authid) GETSTRUCT(tuple))->rolinherit;
	ReleaseSysCache(tuple);
	return result;
}

typedef struct Step
{
	Oid			role;
	int			from;			/* index of the step before; -1: the beginning */
} Step;

/* Which memberships it goes by. */
typedef enum Way
{
	BY_INHERITANCE,
	BY_SET,
	BY_MEMBERSHIP				/* any */
} Way;

typedef struct Walk
{
	Step	   *steps;
	int			n;
	Way			by;
	List	   *by_admin;		/* what a membership on the way gives on */
} Walk;

static bool
leads_on(Way by, Form_pg_auth_members form, bool member_inherits)
{
	if (by == BY_INHERITANCE)
		return MEMBERSHIP_INHERITS(form, member_inherits);
	return by == BY_MEMBERSHIP || MEMBERSHIP_CAN_SET(form);
}

static void
take_step(Walk *walk, Oid role, int from)
{
	for (int i = 0; i < walk->n; i++)
		if (walk->steps[i].role == role)
			return;
	walk->steps = walk->steps ? repalloc(walk->steps, sizeof(Step) * (Size) (walk->n + 1)) : palloc(sizeof(Step));
	walk->steps[walk->n].role = role;
	walk->steps[walk->n++].from = from;
}

static void
take_memberships(Walk *walk, int at)
{
	Oid			member = walk->steps[at].role;
	bool		member_inherits = inherits(member);
	CatCList   *list = SearchSysCacheList1(AUTHMEMMEMROLE, ObjectIdGetDatum(member));

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_auth_members form = (Form_pg_auth_members) GETSTRUCT(&list->members[i]->tuple);

		if (leads_on(walk->by, form, member_inherits))
			take_step(walk, form->roleid, at);
		if (form->admin_option)
			walk->by_admin = lappend_oid(walk->by_admin, form->roleid);
	}
	ReleaseCatCacheList(list);
}

/* Breadth first, so that the way is a shortest one.  Returns the index of the last step, or -1. */
static int
walk_to(Walk *walk, Oid role, Oid grantee)
{
	take_step(walk, role, -1);
	for (int at = 0; at < walk->n; at++)
	{
		CHECK_FOR_INTERRUPTS();
		if (walk->steps[at].role == grantee)
			return at;
		take_memberships(walk, at);
	}
	return -1;
}

bool
role_has_privileges_of(Oid role, Oid grantee)
{
	Walk		walk = {.by = BY_INHERITANCE};

	if (role == grantee)
		return true;
	/* The server takes superusers for members of everything. */
	if (superuser_arg(role))
		return walk_to(&walk, role, grantee) >= 0;
	return has_privs_of_role(role, grantee);
}

/* The owner of the database is a member of pg_database_owner, and no row says so. */
static void
take_database_owner(Walk *walk, Oid role)
{
	if (!superuser_arg(role) && has_privs_of_role(role, ROLE_PG_DATABASE_OWNER))
		take_step(walk, ROLE_PG_DATABASE_OWNER, 0);
}

int
role_read_tags(Oid role, int max, char (*tags)[NAMEDATALEN])
{
	Walk		walk = {.by = BY_INHERITANCE};
	int			n = 0;

	take_step(&walk, role, -1);
	take_database_owner(&walk, role);
	for (int at = 0; at < walk.n; at++)
	{
		char		tag[NAMEDATALEN];

		take_memberships(&walk, at);
		if (!role_read_tag(walk.steps[at].role, tag))
			continue;
		if (n == max)
			return -1;
		/* So that nothing is to be looked up when the first rule for it is met; see rule.c. */
		(void) role_of_tag(tag, walk.steps[at].role);
		strlcpy(tags[n++], tag, NAMEDATALEN);
	}
	return n;
}

char *
role_path(Oid role, Oid grantee, bool by_inheritance)
{
	Walk		walk = {.by = by_inheritance ? BY_INHERITANCE : BY_SET};
	int			at = walk_to(&walk, role, grantee);
	char	   *path = NULL;

	for (; at > 0; at = walk.steps[at].from)
	{
		char	   *name = GetUserNameFromId(walk.steps[at].role, true);

		if (name)
			path = path ? psprintf("%s > %s", name, path) : name;
	}
	return path;
}

bool
role_have_common_group(Oid one, Oid other)
{
	Walk		of_one = {.by = BY_INHERITANCE};

	(void) walk_to(&of_one, one, InvalidOid);
	for (int i = 1; i < of_one.n; i++)
		if (of_one.steps[i].role != other && role_has_privileges_of(other, of_one.steps[i].role))
			return true;
	return false;
}

/* What a role can make of itself, once for all rules: a walk for each is a stranger's to ask for, in explain(). */
typedef struct Powers
{
	Oid			role;			/* InvalidOid: of nobody yet */
	uint64		generation;
	List	   *by_set;			/* the roles that it may SET ROLE to */
	List	   *by_admin;		/* those that it, or whoever it is a member of, may make it a member of */
} Powers;

static Powers powers;

static void
find_powers(Oid role)
{
	Walk		by_set = {.by = BY_SET};
	Walk		by_membership = {.by = BY_MEMBERSHIP};
	uint64		now = generation;
	MemoryContext before;

	if (powers.role == role && powers.generation == now)
		return;
	(void) walk_to(&by_set, role, InvalidOid);
	(void) walk_to(&by_membership, role, InvalidOid);
	powers.role = InvalidOid;
	list_free(powers.by_set);
	list_free(powers.by_admin);
	powers.by_set = powers.by_admin = NIL;
	before = MemoryContextSwitchTo(TopMemoryContext);
	for (int i = 1; i < by_set.n; i++)
		powers.by_set = lappend_oid(powers.by_set, by_set.steps[i].role);
	powers.by_admin = list_copy(by_membership.by_admin);
	MemoryContextSwitchTo(before);
	powers.generation = now;
	powers.role = role;
}

Obtain
role_could_obtain(Oid role, Oid grantee)
{
	if (role == grantee)
		return OBTAIN_NOT;
	find_powers(role);
	if (list_member_oid(powers.by_set, grantee))
		return OBTAIN_BY_SET;
	if (superuser_arg(role) || list_member_oid(powers.by_admin, grantee))
		return OBTAIN_BY_ADMIN;
	if (CREATEROLE_GIVES_ANY_ROLE && has_createrole_privilege(role) && !superuser_arg(grantee))
		return OBTAIN_BY_ADMIN;
	return OBTAIN_NOT;
}

void
role_init(void)
{
	register_label_provider(PROVIDER, check_label);
	CacheRegisterSyscacheCallback(AUTHOID, on_syscache_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_syscache_change, (Datum) 0);
	CacheRegisterSyscacheCallback(DATABASEOID, on_syscache_change, (Datum) 0);	/* pg_database_owner */
	CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
}
