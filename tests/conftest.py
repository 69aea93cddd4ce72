"""Alice answers carefully, Bob guesses, Rita is a researcher, Carol is a stranger."""

import pytest
from django.test import override_settings


@pytest.fixture(autouse=True)
def quick_passwords():
    """Real password hashing takes half a second on purpose, UMAP half a minute whatever it draws."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"], PROJECTIONS=["pca"]):
        yield


@pytest.fixture
def rita(db, django_user_model):
    """A researcher: staff, in the group of researchers, no superuser."""
    from django.contrib.auth.models import Group

    from config.admin import RESEARCHERS

    user = django_user_model.objects.create_user("rita", password="a long pass phrase", is_staff=True)
    user.groups.add(Group.objects.get(name=RESEARCHERS))
    return user


@pytest.fixture
def researcher_client(client, rita):
    client.force_login(rita)
    return client
