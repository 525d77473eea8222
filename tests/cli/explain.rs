//! `graph`, `alpha viz`, and what `timeline` says where nothing is remembered.

use crate::support::Project;

const FILE: &str = "\
name: shop
services:
  web:
    image: shop/web
    environment:
      DATABASE_URL: postgres://app:secret@db/app
      CACHE_HOST: cache
      CACHE_PORT: 6379
    depends_on:
      migrate:
        condition: service_completed_successfully
    ports: [\"127.0.0.1:8000:80\", \"9000\"]
    networks: {front: {priority: 1}, default: {priority: 5}}
  migrate:
    build: .
    depends_on:
      db:
        condition: service_healthy
  db:
    image: postgres:15
    healthcheck: {test: pg_isready}
  cache:
    image: redis
  mail:
    image: mailhog
networks:
  front:
";

fn shop() -> Project {
    Project::offline("graph").file("compose.yaml", FILE)
}

#[test]
fn the_graph_shows_declared_and_inferred_edges_with_gate_and_place() {
    let project = shop();
    let done = project.dco(&["graph"]).ok();
    assert_eq!(
        done.stdout,
        r#"shop
├── mail         mailhog
└── web          shop/web
    ├╌╌ cache    redis         waits for cache:6379           CACHE_HOST, compose.yaml:7
    ├╌╌ db       postgres:15   waits for db:5432              DATABASE_URL, compose.yaml:6
    └── migrate  shop-migrate  waits for migrate to complete  depends_on, compose.yaml:10
        └── db   postgres:15   waits for db to be healthy     depends_on, compose.yaml:17

╌ inferred from what the service is configured with: `dco help gates`
"#
    );
    assert_eq!(done.stderr, "");
    let declared = project.dco(&["graph", "--no-infer", "migrate"]).ok();
    assert_eq!(
        declared.stdout,
        r#"shop
└── migrate  shop-migrate
    └── db   postgres:15   waits for db to be healthy  depends_on, compose.yaml:17
"#
    );
}

#[test]
fn the_graph_is_written_for_other_programs() {
    let project = shop();
    let dot = project.dco(&["graph", "--format", "dot", "migrate"]).ok();
    assert_eq!(
        dot.stdout,
        r#"digraph "shop" {
  rankdir=LR;
  node [shape=box];
  "db" [label="db\npostgres:15"];
  "migrate" [label="migrate\nshop-migrate"];
  "migrate" -> "db" [label="db to be healthy", tooltip="depends_on, compose.yaml:17"];
}
"#
    );
    let mermaid = project
        .dco(&["graph", "--format", "mermaid", "migrate"])
        .ok();
    assert_eq!(
        mermaid.stdout,
        r#"graph LR
  s0["db<br/>postgres:15"]
  s1["migrate<br/>shop-migrate"]
  s1 -->|"db to be healthy"| s0
"#
    );
    let json = project.dco(&["graph", "--format", "json", "migrate"]).ok();
    assert_eq!(
        json.stdout,
        r#"{
  "name": "shop",
  "services": [
    {
      "name": "db",
      "image": "postgres:15",
      "depends_on": []
    },
    {
      "name": "migrate",
      "image": "shop-migrate",
      "depends_on": [
        {
          "service": "db",
          "origin": "declared",
          "because": "depends_on",
          "place": "compose.yaml:17",
          "waits_for": [
            "db to be healthy"
          ],
          "soft": false
        }
      ]
    }
  ]
}
"#
    );
    let none = project.dco(&["graph", "--format", "svg"]).exits(1);
    assert_eq!(
        none.stderr,
        r#"error: invalid argument "svg" for "--format" flag
hint: `dco graph --help` shows how
"#
    );
}

/// Docker Compose 2.40.3's own output, its services sorted.
#[test]
fn viz_is_docker_composes() {
    let project = shop();
    let plain = project.dco(&["alpha", "viz"]).ok();
    assert_eq!(plain.stderr, "viz command is EXPERIMENTAL\n");
    assert_eq!(
        plain.stdout,
        r#"digraph "shop" {
	layout=dot;
	"cache" [style="filled" label=<<font point-size="15">cache</font>>];
	"db" [style="filled" label=<<font point-size="15">db</font>>];
	"mail" [style="filled" label=<<font point-size="15">mail</font>>];
	"migrate" [style="filled" label=<<font point-size="15">migrate</font>>];
	"web" [style="filled" label=<<font point-size="15">web</font>>];

	"migrate" -> "db";
	"web" -> "migrate";
}

"#
    );
    let args = "alpha viz --image --ports --networks --spaces --indentation-size=2";
    let args: Vec<&str> = args.split(' ').collect();
    assert_eq!(
        project.dco(&args).ok().stdout,
        r#"digraph "shop" {
  layout=dot;
  "cache" [style="filled" label=<<font point-size="15">cache</font><font point-size="10"><br/><br/><b>Networks:</b><br/>default</font><font point-size="10"><br/><br/><b>Image:</b><br/>redis</font>>];
  "db" [style="filled" label=<<font point-size="15">db</font><font point-size="10"><br/><br/><b>Networks:</b><br/>default</font><font point-size="10"><br/><br/><b>Image:</b><br/>postgres:15</font>>];
  "mail" [style="filled" label=<<font point-size="15">mail</font><font point-size="10"><br/><br/><b>Networks:</b><br/>default</font><font point-size="10"><br/><br/><b>Image:</b><br/>mailhog</font>>];
  "migrate" [style="filled" label=<<font point-size="15">migrate</font><font point-size="10"><br/><br/><b>Networks:</b><br/>default</font><font point-size="10"><br/><br/><b>Image:</b><br/>shop-migrate</font>>];
  "web" [style="filled" label=<<font point-size="15">web</font><font point-size="10"><br/><br/><b>Networks:</b><br/>default<br/>front</font><font point-size="10"><br/><br/><b>Ports:</b><br/>127.0.0.1:8000:80 (tcp, ingress)<br/>:9000 (tcp, ingress)</font><font point-size="10"><br/><br/><b>Image:</b><br/>shop/web</font>>];

  "migrate" -> "db";
  "web" -> "migrate";
}

"#
    );
    let below = project
        .dco(&["alpha", "viz", "--indentation-size", "-1"])
        .exits(1);
    assert_eq!(below.stderr, "error: invalid indentation size: -1\n");
    assert!(project.dco(&["alpha"]).ok().stdout.contains("viz "));
}

#[test]
fn a_timeline_of_nothing_says_so() {
    let project = shop();
    let none = project.dco(&["timeline"]).exits(1);
    assert_eq!(
        none.stderr,
        "error: no `up` of `shop` is remembered\n\
         hint: it is remembered from the next one on that does something\n"
    );
}
