//! What `dco env` warns of: what a file says and hardly means.

use crate::support::Project;

/// What `dco env SERVICE` says beside the table.
fn said(project: &Project, service: &str) -> String {
    let done = project.dco(&["env", service]).ok();
    assert!(!done.stdout.contains("s3cret"), "{}", done.stdout);
    done.stderr
}

#[test]
fn a_variable_that_is_misspelt_is_told_with_its_place() {
    let project = Project::offline("names")
        .file("two.env", "MYSQL_DB=x\n")
        .file(
            "compose.yaml",
            "services:
  web:
    image: python:3
    environment:
      - PYTHONBUFFERED=1
      - PYTHONDONTWRITEBYTECOD=1
      - POSTGRES_PASS=mine
      - NODE_PATH=/x
  db:
    image: docker.io/library/mysql:8
    env_file: two.env
",
        );
    assert_eq!(
        said(&project, "web"),
        "\
warning: `PYTHONBUFFERED` of `web` looks like a misspelt `PYTHONUNBUFFERED`
 --> compose.yaml:5:9
  |
5 |       - PYTHONBUFFERED=1
  |         ^^^^^^^^^^^^^^^^
hint: write `PYTHONUNBUFFERED`, or set that one too if this is a variable of your own
warning: `PYTHONDONTWRITEBYTECOD` of `web` looks like a misspelt `PYTHONDONTWRITEBYTECODE`
 --> compose.yaml:6:9
  |
6 |       - PYTHONDONTWRITEBYTECOD=1
  |         ^^^^^^^^^^^^^^^^^^^^^^^^
hint: write `PYTHONDONTWRITEBYTECODE`, or set that one too if this is a variable of your own
"
    );
    assert_eq!(
        said(&project, "db"),
        "\
warning: `MYSQL_DB` of `db` looks like a misspelt `MYSQL_DATABASE`
 --> two.env:1:1
  |
1 | MYSQL_DB=x
  | ^^^^^^^^
hint: the image `docker.io/library/mysql:8` reads `MYSQL_DATABASE`
"
    );
}

#[test]
fn a_word_that_is_lost_from_a_secret_is_told_without_the_secret() {
    let project = Project::offline("lost")
        .file(
            ".env",
            "FIRST_TOKEN=s3cret$one\nSECOND_TOKEN='s3cret$two'\n",
        )
        .file("web.env", "DSN=amqp://me:s3cret$four@mq/\nPLAIN=a$five\n")
        .file(
            "compose.yaml",
            "services:
  web:
    image: x
    env_file: web.env
    environment:
      PASSWORD: s3cret$three
      GIVEN_TOKEN: ${GIVEN_TOKEN:-}${FIRST_TOKEN}
      LEVEL: a$six
",
        );
    assert_eq!(
        said(&project, "web"),
        "\
warning: `FIRST_TOKEN` (.env:1) loses `$one`: it is read as a variable, and that is not set
hint: put the value in single quotes: there a `$` stands for itself
warning: the variable `six` is not set: a blank string stands for it
 --> compose.yaml:8:15
  |
8 |       LEVEL: a$six
  |               ^^^^
hint: set it, or give it a default: ${six:-…}
warning: `PASSWORD` (compose.yaml:6) loses `$three`: it is read as a variable, and that is not set
hint: a `$` that stands for itself is written `$$`
warning: `DSN` (web.env:1) loses `$four`: it is read as a variable, and that is not set
hint: put the value in single quotes: there a `$` stands for itself
"
    );
}

const SERVER: &str = "services:
  db:
    image: postgres:15
    environment: [POSTGRES_USER=me, POSTGRES_PASSWORD=s3cret, POSTGRES_DB=shop]
  mysql:
    image: mysql:8
    environment: {MYSQL_ROOT_PASSWORD: s3cret, MYSQL_USER: me, MYSQL_PASSWORD: s3cret2, MYSQL_DATABASE: shop}
";

#[test]
fn credentials_that_do_not_fit_the_server_are_told_from_both_ends() {
    let project = Project::offline("unfit").file(".env", "PW=s3cretS\n").file(
        "compose.yaml",
        &format!(
            "{SERVER}
  django:
    image: python:3
    environment:
      DJANGO_DB_HOST: db
      DJANGO_DB_USERNAME: me
      DJANGO_DB_PASSWORD: ${{PW}}
      DJANGO_DB_NAME: shops
  url:
    image: python:3
    environment: [\"DATABASE_URL=postgres://you:s3cret@db:5432/shop\"]
  plain:
    image: php
    depends_on: [mysql]
    environment: {{MYSQL_PASSWORD: s3cret3}}
"
        ),
    );
    let unfit = "\
warning: `django` has another password than `db`: `DJANGO_DB_PASSWORD` (compose.yaml:14, PW from .env:1) differs from `POSTGRES_PASSWORD` (compose.yaml:4)
hint: write one into both; a volume of `db` that exists keeps the password that it was made with
warning: `django` has another database than `db`: `DJANGO_DB_NAME` (compose.yaml:15) is `shops`, `POSTGRES_DB` (compose.yaml:4) is `shop`
hint: write one into both, unless `django` makes its database itself
";
    let url = "\
warning: `url` has another user than `db`: `DATABASE_URL` (compose.yaml:18) is `you`, `POSTGRES_USER` (compose.yaml:4) is `me`
hint: write one into both; a volume of `db` that exists keeps the user that it was made with
";
    assert_eq!(said(&project, "django"), unfit);
    assert_eq!(said(&project, "url"), url);
    assert_eq!(said(&project, "db"), format!("{unfit}{url}"));
    assert_eq!(
        said(&project, "plain"),
        "\
warning: `plain` has another password than `mysql`: `MYSQL_PASSWORD` (compose.yaml:22) differs from `MYSQL_PASSWORD` (compose.yaml:7)
hint: write one into both; a volume of `mysql` that exists keeps the password that it was made with
"
    );
}

#[test]
fn credentials_that_may_fit_are_not_warned_about() {
    let project = Project::offline("fit").file(
        "compose.yaml",
        &format!(
            "{SERVER}
  right:
    image: python:3
    environment: {{DB_HOST: db, DB_USER: me, DB_PASSWORD: s3cret, DB_NAME: shop, DATABASE_URL: 'postgres://me:s3cret@db/postgres?x=y'}}
  root:
    image: php
    environment: {{DB_HOST: 'mysql:3306', DB_USER: root, DB_PASSWORD: s3cret, DB_NAME: shop}}
  elsewhere:
    image: python:3
    depends_on: [db]
    environment: {{DB_HOST: db.example.com, DB_USER: me, API_PASSWORD: other}}
  apart:
    image: python:3
    depends_on: [db, mysql]
    environment: {{DB_PASSWORD: other}}
  made:
    image: postgres:15
    volumes: [./init:/docker-entrypoint-initdb.d]
    environment: {{POSTGRES_PASSWORD: s3cret, POSTGRES_DB: shop}}
  client:
    image: python:3
    environment: {{DB_HOST: made, DB_USER: other, DB_PASSWORD: other, DB_NAME: other}}
  second:
    image: python:3
    environment: {{DB_HOST: db, DB_NAME: shop, TEST_DB_HOST: db, TEST_DB_NAME: test}}
  own:
    image: me/postgres
    environment: {{POSTGRES_PASSWORD: s3cret, POSTGRES_DB: shop}}
  elsewhere2:
    image: python:3
    environment: {{DATABASE_URL: 'postgres://own:other@own/other'}}
  replica:
    image: postgres:15
    environment: {{POSTGRES_HOST: made, POSTGRES_PASSWORD: other}}
"
        ),
    );
    for service in [
        "db", "mysql", "made", "right", "root", "apart", "client", "second", "own", "replica",
    ] {
        assert_eq!(said(&project, service), "", "{service}");
    }
}

#[test]
fn a_key_that_an_include_does_not_have_is_passed_over_with_a_word() {
    let project = Project::offline("include")
        .file("inner.yaml", "services: {web: {image: x}}\n")
        .file(
            "compose.yaml",
            "include:\n  - path: inner.yaml\n    envfile: inner.env\n    x-mine: 1\n",
        );
    let done = project.dco(&["config", "--services"]).ok();
    assert_eq!(done.stdout, "web\n");
    assert_eq!(
        done.stderr,
        "\
warning: an include has no key `envfile`: it has no effect
 --> compose.yaml:3:5
  |
3 |     envfile: inner.env
  |     ^^^^^^^
hint: did you mean `env_file`?
"
    );
}
