"""Use cases of the demo company. Only for the account's root, on the host.

A company is many changes, each with an event of its own, so each is a unit of work of its own:
these functions are given how to begin one. What breaks off half-way is finished by the next run.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import chain, zip_longest

from iam.errors import IamError, conflict, denied
from iam.features.attachments import service as attachments
from iam.features.attachments.queries import Holder
from iam.features.attachments.rules import HolderKind
from iam.features.credentials.rules import HINT_CHARS
from iam.features.demo import queries
from iam.features.demo.rules import (
    GRANTS,
    GROUP_PATH,
    PEOPLE,
    PROOFS,
    SHIPPED_GRANTS,
    TAGS,
    TEAMS,
    WORKLOADS,
    Grant,
    Person,
    Proof,
    Workload,
)
from iam.features.groups import service as groups
from iam.features.policies import service as policies
from iam.features.services import service as services
from iam.features.signing_keys.rules import new_key_pair
from iam.features.users import service as users
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.secrets import SecretKind, mint_secret
from iam.models import (
    Credential,
    CredentialKind,
    CredentialStatus,
    CredentialUse,
    Policy,
    Service,
)
from iam.work import Caller, UnitOfWork

Begin = Callable[[Caller], AbstractAsyncContextManager[UnitOfWork]]
"""Begins a unit of work (`Runtime.begin`)."""
Step = Callable[[UnitOfWork], Awaitable[None]]
Change = tuple[str, Step]
"""What is changed, and how. What is changed twice is changed in two transactions."""
Missing = set[tuple[HolderKind | None, str]]
"""Kind and name of what is not there; a policy has no kind."""


async def seed_company(begin: Begin, root: Caller, *, anyway: bool = False) -> bool:
    """Make the company, or what is missing of it; returns whether anything was missing.

    Raises `conflict` when the account has principals that are neither administrators nor of the
    company, unless that is wanted `anyway`, and when something that was not seeded has one of its
    names.
    """
    _demand_root(root)
    async with begin(root) as uow:
        missing = await _missing(uow)
        if missing and not anyway and (strangers := await queries.count_strangers(uow)):
            raise _not_empty(strangers)
    await _make(begin, root, _changes(missing))
    if (HolderKind.SERVICE, "newsletter") in missing:
        await _be_refused(begin, root, service="newsletter")
    return bool(missing)


async def remove_company(begin: Begin, root: Caller) -> int:
    """Delete what was seeded, and nothing else; returns how many things that were.

    Raises `conflict` when something that was not seeded hangs on it, such as a policy of the
    company that is attached to somebody else.
    """
    _demand_root(root)
    async with begin(root) as uow:
        found = await queries.find_company(uow)
    await _make(begin, root, _removals(found))
    return found.size


async def _make(begin: Begin, root: Caller, changes: Iterable[Change]) -> None:
    for together in _rounds(changes):
        async with begin(root) as uow:
            for step in together:
                await step(uow)


def _demand_root(caller: Caller) -> None:
    if caller.kind != "root":
        raise denied("root_required", "this is only done on the host, as the account's root")


async def _missing(uow: UnitOfWork) -> Missing:
    """What of the company is not there. Raises `conflict` when a name is somebody else's."""
    found: dict[tuple[HolderKind | None, str], Holder | Policy] = {}
    found.update({(kind, row.name): row for kind, row in await queries.holders(uow)})
    found.update({(None, row.name): row for row in await queries.policies(uow)})
    for (kind, name), row in found.items():
        if not queries.is_seeded(row):
            what = f"{kind or 'policy'} `{name}`"
            raise conflict("name_taken", f"{what} is there already, and is not of the demo company")
    wanted = {*queries.HOLDERS, *((None, name) for name in queries.POLICIES)}
    return wanted - found.keys()


def _not_empty(strangers: int) -> IamError:
    message = (
        f"found {strangers} principals beside the administrators: "
        "the demo company is for an empty installation"
    )
    return conflict("not_empty", message)


def _rounds(changes: Iterable[Change]) -> Iterator[list[Step]]:
    """The changes in their order, as many together as a transaction can take.

    It has one event for each thing that it changes, so a second change of a thing begins another.
    """
    together: dict[str, Step] = {}
    for target, step in changes:
        if target in together:
            yield list(together.values())
            together = {}
        together[target] = step
    yield list(together.values())


def _changes(missing: Missing) -> Iterator[Change]:
    """The changes to make, in an order in which each finds what it refers to."""
    for name, description in TEAMS.items():
        if (HolderKind.GROUP, name) in missing:
            yield f"group/{name}", partial(_seed_team, name=name, description=description)
    people = [person for person in PEOPLE if (HolderKind.USER, person.name) in missing]
    for person in people:
        yield f"user/{person.name}", partial(_seed_person, person=person)
    yield from _memberships(people)
    for person in people:
        if person.has_left:
            yield f"user/{person.name}", partial(_disable_user, name=person.name)
    yield from _changes_of_services(missing)
    for grant in GRANTS:
        if (None, grant.name) in missing:
            yield f"policy/{grant.name}", partial(_seed_policy, grant=grant)
    if missing:
        yield from _attachments()


def _memberships(people: Sequence[Person]) -> Iterator[Change]:
    """One member for each team, then one more for each: fewer transactions than team by team."""
    teams = [[person for person in people if person.team == team] for team in TEAMS]
    for person in filter(None, chain.from_iterable(zip_longest(*teams))):
        add = partial(groups.add_member, group=person.team, kind="user", principal=person.name)
        yield f"group/{person.team}", add


def _changes_of_services(missing: Missing) -> Iterator[Change]:
    wanted = [each for each in WORKLOADS if (HolderKind.SERVICE, each.name) in missing]
    names = {workload.name for workload in wanted}
    for workload in wanted:
        yield f"service/{workload.name}", partial(_seed_workload, workload=workload)
    for number, proof in enumerate(PROOFS):
        if proof.service in names:
            yield f"credential/{number}", partial(_seed_proof, proof=proof)
    for workload in wanted:
        if workload.is_disabled:
            yield f"service/{workload.name}", partial(_disable_service, name=workload.name)


def _attachments() -> Iterator[Change]:
    pairs = [(grant.name, holder) for grant in GRANTS for holder in grant.holders]
    for policy, holder in (*pairs, *SHIPPED_GRANTS):
        kind, _, name = holder.partition("/")
        yield holder, partial(_attach, kind=HolderKind(kind), holder=name, policy=policy)


async def _seed_team(uow: UnitOfWork, *, name: str, description: str) -> None:
    await groups.create_group(uow, name=name, path=GROUP_PATH, description=description)


async def _seed_person(uow: UnitOfWork, *, person: Person) -> None:
    await users.create_user(
        uow, name=person.name, display_name=person.display_name, email=person.email, tags=TAGS
    )


async def _disable_user(uow: UnitOfWork, *, name: str) -> None:
    await users.disable_user(uow, user=name)


async def _seed_workload(uow: UnitOfWork, *, workload: Workload) -> None:
    await services.create_service(
        uow,
        name=workload.name,
        owner=workload.owner,
        description=workload.description,
        tags=TAGS,
    )


async def _disable_service(uow: UnitOfWork, *, name: str) -> None:
    await services.disable_service(uow, service=name)


async def _seed_policy(uow: UnitOfWork, *, grant: Grant) -> None:
    await policies.create_policy(
        uow,
        name=grant.name,
        description=grant.description,
        document=grant.document,
        tags=TAGS,
    )


async def _attach(uow: UnitOfWork, *, kind: HolderKind, holder: str, policy: str) -> None:
    await attachments.attach_policy(uow, kind, holder=holder, policy=policy)


async def _seed_proof(uow: UnitOfWork, *, proof: Proof) -> None:
    """A credential with a past. No use case makes one, so this writes the row, and its event."""
    view = await services.get_service(uow, service=proof.service)
    row = _credential(uow, view.row, proof)
    await uow.insert(row, taken=conflict("changed_meanwhile", "the service is gone"))
    if proof.used_ago is not None:
        use = CredentialUse(
            credential_id=row.id,
            account=row.account,
            last_used_at=uow.now - proof.used_ago,
            last_address="10.20.0.7",
            last_audience=uow.settings.issuer,
        )
        uow.add(use)
    uow.emit(EventType.CREDENTIAL_CREATED, row, holder=uow.arn(view.row))


def _credential(uow: UnitOfWork, holder: Service, proof: Proof) -> Credential:
    made_at = uow.now - proof.age
    row = Credential(
        id=new_id(IdKind.CREDENTIAL, made_at),
        account=holder.account,
        principal_id=holder.id,
        kind=CredentialKind.PUBLIC_KEY if proof.is_key else CredentialKind.CLIENT_SECRET,
        status=CredentialStatus.QUARANTINED if proof.is_quarantined else CredentialStatus.ACTIVE,
        description=proof.description,
        created_by=uow.caller.id,
        created_at=made_at,
        expires_at=None if proof.ends_in is None else uow.now + proof.ends_in,
    )
    # Only the hash is kept, and of the key only the public half: nobody can use these.
    if proof.is_key:
        row.public_jwk = new_key_pair().public_jwk
    else:
        minted = mint_secret(SecretKind.CLIENT_SECRET)
        row.secret_hash, row.hint = minted.hash, minted.text[:HINT_CHARS]
    return row


async def _be_refused(begin: Begin, root: Caller, *, service: str) -> None:
    """Let a service ask for what it may not have, so that the audit log has a refusal."""
    async with begin(root) as uow:
        view = await services.get_service(uow, service=service)
        arn = uow.arn(view.row)
    caller = Caller(
        id=view.row.id,
        arn=arn,
        account=root.account,
        kind="service",
        address="10.20.0.7",
        request_id=root.request_id,
    )
    try:
        async with begin(caller) as uow:
            await users.list_users(uow, limit=1)
    except IamError as error:
        if error.code != "access_denied":
            raise
        await uow.tools.denials.flush()


def _removals(found: queries.Company) -> Iterator[Change]:
    """Services before those who own them; people before the groups that they are in."""
    for row in found.services:
        yield row.id, partial(_delete_service, service=row.id)
    for row in found.users:
        yield row.id, partial(_delete_user, user=row.id)
    for group_id, policy_id in found.group_policies:
        yield group_id, partial(_detach, group=group_id, policy=policy_id)
    for group in found.groups:
        yield group.id, partial(_delete_group, group=group.id)
    for policy in found.policies:
        yield policy.id, partial(_delete_policy, policy=policy.id)


async def _delete_service(uow: UnitOfWork, *, service: str) -> None:
    await services.delete_service(uow, service=service, expecting=_any_version)


async def _delete_user(uow: UnitOfWork, *, user: str) -> None:
    await users.delete_user(uow, user=user, expecting=_any_version)


async def _detach(uow: UnitOfWork, *, group: str, policy: str) -> None:
    await attachments.detach_policy(uow, HolderKind.GROUP, holder=group, policy=policy)


async def _delete_group(uow: UnitOfWork, *, group: str) -> None:
    await groups.delete_group(uow, group=group, expecting=_any_version)


async def _delete_policy(uow: UnitOfWork, *, policy: str) -> None:
    await policies.delete_policy(uow, policy=policy, expecting=_any_version)


def _any_version(_version: int | None) -> None:
    """Whoever removes the company has not read it first."""
