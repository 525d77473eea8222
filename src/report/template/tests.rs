//! What Docker Compose 2.40.3 answered to `ps --format` with the same template, for a service `web`.

use serde_json::json;

use super::*;

struct Web;

impl Data for Web {
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Name" => "clit-web-1".into(),
            "Service" => "web".into(),
            "Health" => "".into(),
            "ExitCode" => 0.into(),
            "Ports" => "0.0.0.0:18080->80/tcp".into(),
            "Publishers" => json!([
                {"URL": "0.0.0.0", "TargetPort": 80, "PublishedPort": 18080, "Protocol": "tcp"},
                {"URL": "::", "TargetPort": 80, "PublishedPort": 18080, "Protocol": "tcp"},
            ]),
            _ => return None,
        })
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Value> {
        (name == "Label").then(|| format!("<{}>", arguments[0].as_str().unwrap()).into())
    }

    fn whole(&self) -> Value {
        json!({"Name": "clit-web-1", "Ports": "0.0.0.0:18080->80/tcp"})
    }

    fn type_name(&self) -> &str {
        "*formatter.ContainerContext"
    }
}

fn answer(template: &str) -> String {
    match Template::parse(template).and_then(|template| template.execute(&Web)) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    }
}

#[test]
fn templates_give_what_docker_compose_gives() {
    let table = [
        ("{{.Name}}", "clit-web-1"),
        ("foo", "foo"),
        (
            "{{range .Publishers}}{{.URL}}:{{.TargetPort}} {{end}}",
            "0.0.0.0:80 :::80 ",
        ),
        (
            "{{json .Publishers}}",
            r#"[{"URL":"0.0.0.0","TargetPort":80,"PublishedPort":18080,"Protocol":"tcp"},{"URL":"::","TargetPort":80,"PublishedPort":18080,"Protocol":"tcp"}]"#,
        ),
        ("{{json .Ports}}", r#""0.0.0.0:18080->80/tcp""#),
        (
            "{{json .}}",
            r#"{"Name":"clit-web-1","Ports":"0.0.0.0:18080-\u003e80/tcp"}"#,
        ),
        (
            "{{.Publishers}}",
            "[{0.0.0.0 80 18080 tcp} {:: 80 18080 tcp}]",
        ),
        (
            r#"{{if eq .Service "db"}}DB{{else if .Ports}}P{{else}}N{{end}}"#,
            "P",
        ),
        (
            r#"{{if .Health}}a{{else if .Health}}b{{else if eq .Service "web"}}c{{end}}|"#,
            "c|",
        ),
        (
            r#"{{upper .Name}} {{title .Service}} {{.Name | printf "%-20s|"}}"#,
            "CLIT-WEB-1 Web clit-web-1          |",
        ),
        (
            "{{range $i, $p := .Publishers}}{{$i}}={{$p.PublishedPort}};{{end}}",
            "0=18080;1=18080;",
        ),
        (r#"{{join (split .Name "-") "_"}}"#, "clit_web_1"),
        (
            "{{pad .Name 2 3}}|{{truncate .Name 4}}",
            "  clit-web-1   |clit",
        ),
        (
            r#"{{len .Name}} {{index (split .Name "-") 1}} {{.ExitCode}} {{and .Ports "x"}} {{not .Ports}} {{or "" "z"}}"#,
            "10 web 0 x false z",
        ),
        ("{{ .Name -}}   x {{- /* c */ -}}  y", "clit-web-1xy"),
        ("{{with .Health}}H={{.}}{{end}}", ""),
        (
            "{{with .Service}}S={{.}} {{$.Name}}{{end}} {{.Name}}",
            "S=web clit-web-1 clit-web-1",
        ),
        (r#"{{println .Name "a" 1}}"#, "clit-web-1 a 1\n"),
        (r#"{{print 1 2 "a" "b" 3}}"#, "1 2ab3"),
        (
            r#"{{printf "%q %d %v %5s|%05d|%t" .Name 3 .Service "a" 42 true}}"#,
            r#""clit-web-1" 3 web     a|00042|true"#,
        ),
        (r#"{{html "<a>"}}{{slice .Name 1 3}}"#, "&lt;a&gt;li"),
        (r#"{{lt 1 2}}{{ne "a" "b"}}{{ge 2 2}}"#, "truetruetrue"),
        ("{{$x := .Name}}{{$x}}-{{$.Service}}", "clit-web-1-web"),
        (
            r#"{{.Label "com.docker.compose.service"}}"#,
            "<com.docker.compose.service>",
        ),
        ("{{range .Publishers}}{{.URL}}{{break}}{{end}}", "0.0.0.0"),
        (
            "{{range .Health | split \"x\"}}{{.}}{{else}}none{{end}}",
            "x",
        ),
    ];
    for (template, expected) in table {
        assert_eq!(answer(template), expected, "{template}");
    }
}

#[test]
fn errors_are_in_gos_words() {
    let table = [
        (
            "{{.Foo}}",
            ":2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext",
        ),
        (
            "{{json .Foo}}",
            ":7: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext",
        ),
        (
            "{{.Name.Foo}}",
            ":7: executing \"\" at <.Name.Foo>: can't evaluate field Foo in type string",
        ),
        ("{{.Name", ": unclosed action"),
        ("{{foo .Name}}", ": function \"foo\" not defined"),
        ("{{break}}", ": {{break}} outside {{range}}"),
        ("{{if .Name}}x", ": unexpected EOF"),
        ("{{end}}", ": unexpected {{end}}"),
    ];
    for (template, expected) in table {
        let expected = format!("template parsing error: template: :1{expected}");
        assert_eq!(answer(template), expected, "{template}");
    }
}
