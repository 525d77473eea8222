//! Where values come from: `dco env` and `dco config --origin`.

use crate::support::Project;

fn project() -> Project {
    Project::offline("origin")
        .file(".env", "TAG=1.27\nDB_PASSWORD=hunter2\n")
        .file(
            "web.env",
            "A=1\nDB_PASSWORD=fromfile\nURL=postgres://u:pw@db/$A\nGIVEN\n",
        )
        .file(
            "compose.yaml",
            "name: shop
services:
  web:
    image: nginx:${TAG:-1}
    env_file: web.env
    environment:
      DB_PASSWORD: ${DB_PASSWORD}
      LEVEL: ${LEVEL:-info}
      OTHER:
",
        )
        .env("GIVEN", "here")
        .env("OTHER", "there")
}

#[test]
fn the_environment_of_a_service_shows_who_wins_and_who_is_hidden() {
    assert_eq!(
        project().dco(&["env", "web"]).ok().stdout,
        "\
VARIABLE            VALUE                        FROM
A                   1                            web.env:1
DB_PASSWORD         ********                     compose.yaml:7, DB_PASSWORD from .env:2
                    ********                     hidden: web.env:2
GIVEN               here                         web.env:4, GIVEN from shell
LEVEL               info                         compose.yaml:8, default of LEVEL
OTHER               there                        compose.yaml:9, OTHER from shell
URL                 postgres://u:********@db/1   web.env:3, A from web.env:1
"
    );
}

#[test]
fn one_variable_is_shown_as_it_is_where_that_is_asked_for() {
    assert_eq!(
        project()
            .dco(&["env", "web", "DB_PASSWORD", "--show"])
            .ok()
            .stdout,
        "\
VARIABLE            VALUE               FROM
DB_PASSWORD         hunter2             compose.yaml:7, DB_PASSWORD from .env:2
                    fromfile            hidden: web.env:2
"
    );
}

#[test]
fn config_writes_behind_each_value_where_it_comes_from() {
    assert_eq!(
        project().dco(&["config", "--origin"]).ok().stdout,
        "\
name: shop                                      # default
services:
  web:
    environment:
      A: \"1\"                                    # web.env:1
      DB_PASSWORD: hunter2                      # compose.yaml:7, DB_PASSWORD from .env:2
      GIVEN: here                               # web.env:4, GIVEN from shell
      LEVEL: info                               # compose.yaml:8, default of LEVEL
      OTHER: there                              # compose.yaml:9, OTHER from shell
      URL: postgres://u:pw@db/1                 # web.env:3, A from web.env:1
    image: nginx:1.27                           # compose.yaml:4, TAG from .env:1
    networks:
      default: null                             # compose.yaml:3
networks:
  default:
    name: shop_default                          # default
"
    );
}
