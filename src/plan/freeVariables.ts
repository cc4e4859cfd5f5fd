import type { Node } from "acorn";

/** A name that a function uses and does not declare itself. */
export interface FreeVariable {
  readonly name: string;
  /** Offset in the parsed text. */
  readonly start: number;
  /** Whether the function assigns to it. */
  readonly assigned: boolean;
}

/** Something that ties a function to the place where it was written. */
export interface Obstacle {
  readonly what: string;
  readonly start: number;
}

export interface Analysis {
  readonly free: readonly FreeVariable[];
  readonly obstacles: readonly Obstacle[];
}

/** Any syntax node; its children are found under its keys. */
type Syntax = Node & { readonly [key: string]: unknown };

interface Scope {
  readonly names: Set<string>;
  readonly parent: Scope | null;
  /** Whether `this`, `super` and `arguments` here are the ones of the analysed function. */
  readonly outermost: boolean;
}

/** What a parsed function takes from around it. */
export function analyseFunction(root: Node): Analysis {
  const finder = new Finder();
  finder.function(root as Syntax, { names: new Set(), parent: null, outermost: true }, true);
  return { free: finder.free, obstacles: finder.obstacles };
}

class Finder {
  readonly free: FreeVariable[] = [];
  readonly obstacles: Obstacle[] = [];

  visit(node: Syntax, scope: Scope): void {
    switch (node.type) {
      case "Identifier":
        this.reference(node, scope);
        break;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        this.function(node, scope, false);
        break;
      case "ClassDeclaration":
      case "ClassExpression":
        this.class(node, scope);
        break;
      case "CatchClause":
        this.catch(node, scope);
        break;
      case "MetaProperty":
        if (nameOf(node.meta) === "import") this.obstacles.push({ what: "import.meta", start: node.start });
        break;
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
      case "BlockStatement":
      case "SwitchStatement":
        if (isSyntax(node.left)) this.assigned(node.left, blockScope(node, scope));
        this.children(node, blockScope(node, scope));
        break;
      default:
        this.note(node, scope);
        this.children(node, scope);
    }
  }

  /** Assignments to outer names, and what does not exist in a worker. */
  note(node: Syntax, scope: Scope): void {
    switch (node.type) {
      case "ThisExpression":
      case "Super":
        if (scope.outermost) this.obstacles.push({ what: node.type === "Super" ? "super" : "this", start: node.start });
        break;
      case "ImportExpression":
        this.obstacles.push({ what: "import()", start: node.start });
        break;
      case "AssignmentExpression":
        this.assigned(node.left as Syntax, scope);
        break;
      case "UpdateExpression":
        this.assigned(node.argument as Syntax, scope);
        break;
      default:
    }
  }

  /** `top`: the analysed function itself; an arrow function there has no `arguments` of its own either. */
  function(node: Syntax, outer: Scope, top: boolean): void {
    const arrow = node.type === "ArrowFunctionExpression";
    const names = new Set<string>(arrow ? [] : ["arguments"]);
    if (node.type === "FunctionExpression" && node.id) names.add(nameOf(node.id));
    if (top && node.type === "FunctionDeclaration" && node.id) names.add(nameOf(node.id));
    for (const param of node.params as Syntax[]) declare(param, names);
    const body = node.body as Syntax;
    hoistVars(body, names);
    const scope: Scope = { names, parent: outer, outermost: outer.outermost && (arrow || top) };
    for (const param of node.params as Syntax[]) this.visit(param, scope);
    this.visit(body, scope);
  }

  class(node: Syntax, outer: Scope): void {
    const names = new Set<string>(node.id ? [nameOf(node.id)] : []);
    const scope: Scope = { names, parent: outer, outermost: outer.outermost };
    if (node.superClass) this.visit(node.superClass as Syntax, scope);
    for (const member of (node.body as Syntax).body as Syntax[]) {
      if (member.computed) this.visit(member.key as Syntax, scope);
      const inside: Scope = { names: new Set(), parent: scope, outermost: false };
      if (member.type === "StaticBlock") this.children(member, blockScope(member, inside, true));
      else if (member.value) this.visit(member.value as Syntax, inside);
    }
  }

  catch(node: Syntax, outer: Scope): void {
    const names = new Set<string>();
    if (node.param) declare(node.param as Syntax, names);
    this.children(node, { names, parent: outer, outermost: outer.outermost });
  }

  children(node: Syntax, scope: Scope): void {
    for (const [key, value] of Object.entries(node)) {
      if (isName(node, key)) continue;
      for (const child of Array.isArray(value) ? value : [value]) if (isSyntax(child)) this.visit(child, scope);
    }
  }

  reference(node: Syntax, scope: Scope): void {
    const name = nameOf(node);
    if (isDeclared(name, scope)) return;
    if (name === "arguments") this.obstacles.push({ what: "arguments of an outer function", start: node.start });
    else this.free.push({ name, start: node.start, assigned: false });
  }

  assigned(target: Syntax, scope: Scope): void {
    const names = new Set<string>();
    declare(target, names);
    for (const name of names) if (!isDeclared(name, scope)) this.free.push({ name, start: target.start, assigned: true });
  }
}

function isSyntax(value: unknown): value is Syntax {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

const nameOf = (node: unknown): string => (node as { readonly name: string }).name;

/** Keys that hold a name which is no reference: a property, a method or a label. */
function isName(node: Syntax, key: string): boolean {
  switch (node.type) {
    case "MemberExpression":
      return key === "property" && node.computed !== true;
    case "Property":
      return key === "key" && node.computed !== true;
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return key === "label";
    default:
      return false;
  }
}

function isDeclared(name: string, scope: Scope | null): boolean {
  for (let at = scope; at !== null; at = at.parent) if (at.names.has(name)) return true;
  return false;
}

/** Adds the names that a pattern binds. A member expression in an assignment binds none. */
function declare(pattern: Syntax, names: Set<string>): void {
  switch (pattern.type) {
    case "Identifier":
      names.add(nameOf(pattern));
      break;
    case "ObjectPattern":
      for (const property of pattern.properties as Syntax[]) {
        declare((property.type === "RestElement" ? property.argument : property.value) as Syntax, names);
      }
      break;
    case "ArrayPattern":
      for (const element of pattern.elements as (Syntax | null)[]) if (element !== null) declare(element, names);
      break;
    case "AssignmentPattern":
      declare(pattern.left as Syntax, names);
      break;
    case "RestElement":
      declare(pattern.argument as Syntax, names);
      break;
    default:
  }
}

/** `var` belongs to the whole function, wherever it stands in it. */
function hoistVars(node: Syntax, names: Set<string>): void {
  if (/^(Function|ArrowFunction|Class)/.test(node.type)) return;
  if (node.type === "VariableDeclaration" && node.kind === "var") declareAll(node, names);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isSyntax(child)) hoistVars(child, names);
  }
}

function declareAll(declaration: Syntax, names: Set<string>): void {
  for (const declarator of declaration.declarations as Syntax[]) declare(declarator.id as Syntax, names);
}

/** The scope of a block, with everything that its own statements declare. */
function blockScope(node: Syntax, parent: Scope, vars = false): Scope {
  const names = new Set<string>();
  const statements = [node.init, node.left, ...listOf(node.body), ...listOf(node.cases).flatMap((c) => listOf(c.consequent))];
  for (const statement of statements) {
    if (!isSyntax(statement)) continue;
    if (statement.type === "VariableDeclaration") declareAll(statement, names);
    else if (statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration") names.add(nameOf(statement.id));
    if (vars) hoistVars(statement, names);
  }
  return { names, parent, outermost: parent.outermost };
}

const listOf = (value: unknown): Syntax[] => (Array.isArray(value) ? (value as Syntax[]) : []);
