#include "data/jinja/evaluator.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "core/errors.h"
#include "data/jinja/arithmetic.h"
#include "data/jinja/builtins.h"

namespace longbow::data::jinja {
namespace {

constexpr int kMaxMacroDepth = 100;
constexpr int kMaxLevels = 2000;  // of blocks and expressions inside each other, through macros too: 8 MiB of stack hold 3 KiB of each

/// Names of one block; the blocks around it are its parents. A loop's iteration, a macro's call and a captured block have
/// their own, `if` has not: so does Jinja.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::unordered_map<std::string, Value> names;
};
using ScopePtr = std::shared_ptr<Scope>;

enum class Flow { next, leave_loop, continue_loop };

class Evaluator {
 public:
  explicit Evaluator(const Map& variables) : root_(std::make_shared<Scope>()) {
    for (const auto& [name, value] : variables.members) root_->names[name] = value;
    if (const Value* now = variables.find("now"); now != nullptr && now->is_string()) now_ = *now->get<std::string>();
  }
  /// A macro keeps its scope alive and is kept alive by it: let go of the names.
  ~Evaluator() {
    for (const ScopePtr& scope : with_macros_) scope->names.clear();
  }
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  std::string run(const Block& block) {
    execute(block, root_);
    return std::move(text_);
  }

 private:
  /// One level of the recursion, from here to the end of the block.
  class Level {
   public:
    explicit Level(Evaluator& evaluator) : evaluator_(evaluator) {
      if (++evaluator_.levels_ > kMaxLevels) throw Failure(concat("expected at most ", kMaxLevels, " nested blocks and expressions"));
    }
    ~Level() { --evaluator_.levels_; }
    Level(const Level&) = delete;

   private:
    Evaluator& evaluator_;
  };

  static ScopePtr inside(const ScopePtr& parent) {
    auto scope = std::make_shared<Scope>();
    scope->parent = parent;
    return scope;
  }

  void write(std::string_view text) {
    check_text_size(text_.size() + text.size());
    text_ += text;
  }

  /// The text of a block that does not go to the output.
  std::string capture(const Block& block, const ScopePtr& scope) {
    std::string outer = std::exchange(text_, "");
    execute(block, scope);
    return std::exchange(text_, std::move(outer));
  }

  Flow execute(const Block& block, const ScopePtr& scope) {
    const Level level(*this);
    for (const StatementPtr& statement : block) {
      try {
        if (const Flow flow = execute(*statement, scope); flow != Flow::next) return flow;
      } catch (Failure& failure) {
        if (failure.line() == 0) failure.set_line(statement->line);
        throw;
      }
    }
    return Flow::next;
  }

  Flow execute(const Statement& statement, const ScopePtr& scope) {
    switch (statement.kind) {
      case StatementKind::data:
        write(statement.text);
        break;
      case StatementKind::output:
        write(to_text(evaluate(*statement.expressions[0], scope)));
        break;
      case StatementKind::if_chain:
        return if_chain(statement, scope);
      case StatementKind::for_loop:
        return for_loop(statement, scope);
      case StatementKind::set:
        assign(statement.names, evaluate(*statement.expressions[0], scope), scope);
        break;
      case StatementKind::set_block: {
        Value value = capture(statement.blocks[0], inside(scope));
        if (statement.expressions[0]) value = filtered(*statement.expressions[0], std::move(value), scope);
        assign(statement.names, value, scope);
        break;
      }
      case StatementKind::macro:
        scope->names[statement.text] = make_macro(statement, scope);
        with_macros_.push_back(scope);
        break;
      case StatementKind::filter:
        write(to_text(filtered(*statement.expressions[0], capture(statement.blocks[0], inside(scope)), scope)));
        break;
      case StatementKind::group:
        return execute(statement.blocks[0], inside(scope));
      case StatementKind::loop_break:
        return Flow::leave_loop;
      case StatementKind::loop_continue:
        return Flow::continue_loop;
    }
    return Flow::next;
  }

  Flow if_chain(const Statement& statement, const ScopePtr& scope) {
    for (std::size_t i = 0; i < statement.expressions.size(); ++i) {
      if (truth(evaluate(*statement.expressions[i], scope))) return execute(statement.blocks[i], scope);
    }
    const bool has_else = statement.blocks.size() > statement.expressions.size();
    return has_else ? execute(statement.blocks.back(), scope) : Flow::next;
  }

  Flow for_loop(const Statement& statement, const ScopePtr& scope) {
    const Value source = evaluate(*statement.expressions[0], scope);
    std::shared_ptr<const List> items = iterate(source);
    if (const Expression* condition = statement.expressions[1].get()) {
      List kept;
      for (const Value& item : items->items) {
        const ScopePtr trial = inside(scope);
        assign(statement.names, item, trial);
        if (truth(evaluate(*condition, trial))) kept.items.push_back(item);
      }
      items = std::make_shared<const List>(std::move(kept));
    }
    if (items->items.empty()) return execute(statement.blocks[1], inside(scope));
    ++loop_depth_;
    Flow flow = Flow::next;
    for (std::size_t i = 0; i < items->items.size() && flow != Flow::leave_loop; ++i) {
      const ScopePtr iteration = inside(scope);
      iteration->names["loop"] = Loop{items, i, loop_depth_ - 1};
      assign(statement.names, items->items[i], iteration);
      flow = execute(statement.blocks[0], iteration);
    }
    --loop_depth_;
    return Flow::next;
  }

  void assign(const std::vector<std::string>& names, const Value& value, const ScopePtr& scope) {
    if (names.size() > 1) {
      const auto parts = iterate(value);
      if (parts->items.size() != names.size()) {
        throw Failure(concat("expected ", names.size(), " values to unpack, got ", parts->items.size()));
      }
      for (std::size_t i = 0; i < names.size(); ++i) scope->names[names[i]] = parts->items[i];
      return;
    }
    const std::size_t dot = names[0].find('.');
    if (dot == std::string::npos) {
      scope->names[names[0]] = value;
      return;
    }
    const Value target = look_up(names[0].substr(0, dot), scope);
    Map* map = target.as_map();
    if (map == nullptr || !map->is_namespace) {
      throw Failure(concat("set ", names[0], ": expected a namespace before the dot, got ", type_name(target)));
    }
    map->set(std::string_view(names[0]).substr(dot + 1), value);
  }

  Value look_up(const std::string& name, const ScopePtr& scope) const {
    for (const Scope* level = scope.get(); level != nullptr; level = level->parent.get()) {
      if (const auto found = level->names.find(name); found != level->names.end()) return found->second;
    }
    if (auto global = find_global(name, now_)) return *global;
    return Undefined{concat("'", name, "'")};
  }

  Callable make_macro(const Statement& macro, const ScopePtr& scope) {
    return {macro.text, [this, &macro, scope](const Arguments& arguments) -> Value { return call_macro(macro, scope, arguments); }};
  }

  Value call_macro(const Statement& macro, const ScopePtr& scope, const Arguments& arguments) {
    if (arguments.positional.size() > macro.names.size()) {
      throw Failure(
          concat("macro ", macro.text, ": expected at most ", macro.names.size(), " arguments, got ", arguments.positional.size()));
    }
    if (++macro_depth_ > kMaxMacroDepth) throw Failure(concat("expected at most ", kMaxMacroDepth, " nested macro calls"));
    const ScopePtr inner = inside(scope);
    for (const auto& [name, value] : arguments.keywords) {
      if (std::find(macro.names.begin(), macro.names.end(), name) == macro.names.end()) {
        throw Failure(concat("macro ", macro.text, ": no argument is called '", name, "'"));
      }
    }
    for (std::size_t i = 0; i < macro.names.size(); ++i) {
      const std::string& name = macro.names[i];
      if (const Value* given = arguments.find(i, name)) {
        inner->names[name] = *given;
      } else {
        inner->names[name] = macro.expressions[i] ? evaluate(*macro.expressions[i], inner) : Value(Undefined{concat("'", name, "'")});
      }
    }
    std::string text = capture(macro.blocks[0], inner);
    --macro_depth_;
    return text;
  }

  /// A chain of filters whose innermost subject is `subject`.
  Value filtered(const Expression& filter, Value subject, const ScopePtr& scope) {
    const Level level(*this);
    Value input = filter.parts[0] ? filtered(*filter.parts[0], std::move(subject), scope) : std::move(subject);
    return apply_filter(filter.text, input, arguments(filter, scope));
  }

  Arguments arguments(const Expression& node, const ScopePtr& scope) {
    Arguments result;
    for (std::size_t i = 1; i < node.parts.size(); ++i) result.positional.push_back(evaluate(*node.parts[i], scope));
    for (const auto& [name, value] : node.keywords) result.keywords.emplace_back(name, evaluate(*value, scope));
    return result;
  }

  Value evaluate(const Expression& node, const ScopePtr& scope) {
    const Level level(*this);
    try {
      return compute(node, scope);
    } catch (Failure& failure) {
      if (failure.line() == 0) failure.set_line(node.line);
      throw;
    }
  }

  Value part(const Expression& node, std::size_t index, const ScopePtr& scope) {
    return index < node.parts.size() && node.parts[index] ? evaluate(*node.parts[index], scope) : Value();
  }

  Value compute(const Expression& node, const ScopePtr& scope) {
    switch (node.kind) {
      case ExpressionKind::constant:
        return node.value;
      case ExpressionKind::name:
        return look_up(node.text, scope);
      case ExpressionKind::list:
      case ExpressionKind::tuple: {
        std::vector<Value> items;
        for (const ExpressionPtr& item : node.parts) items.push_back(evaluate(*item, scope));
        return Value::list(std::move(items), node.kind == ExpressionKind::list ? ListKind::list : ListKind::tuple);
      }
      case ExpressionKind::mapping:
        return mapping(node, scope);
      case ExpressionKind::attribute:
        return attribute(part(node, 0, scope), node.text);
      case ExpressionKind::element:
        return element(part(node, 0, scope), part(node, 1, scope));
      case ExpressionKind::slice:
        return slice(part(node, 0, scope), part(node, 1, scope), part(node, 2, scope), part(node, 3, scope));
      case ExpressionKind::call: {
        const Value callee = part(node, 0, scope);
        return call(callee, arguments(node, scope));
      }
      case ExpressionKind::filter: {
        const Value subject = part(node, 0, scope);
        return apply_filter(node.text, subject, arguments(node, scope));
      }
      case ExpressionKind::test: {
        const Value subject = part(node, 0, scope);
        return apply_test(node.text, subject, arguments(node, scope));
      }
      case ExpressionKind::logical_not:
        return !truth(part(node, 0, scope));
      case ExpressionKind::logical_and: {
        Value left = part(node, 0, scope);
        return truth(left) ? part(node, 1, scope) : left;
      }
      case ExpressionKind::logical_or: {
        Value left = part(node, 0, scope);
        return truth(left) ? left : part(node, 1, scope);
      }
      case ExpressionKind::negative:
        return negative(part(node, 0, scope));
      case ExpressionKind::positive:
        return negative(negative(part(node, 0, scope)));
      case ExpressionKind::arithmetic: {
        const Value left = part(node, 0, scope);
        return arithmetic(node.text, left, part(node, 1, scope));
      }
      case ExpressionKind::comparison:
        return comparison(node, scope);
      case ExpressionKind::conditional:
        return truth(part(node, 1, scope)) ? part(node, 0, scope) : part(node, 2, scope);
    }
    return {};
  }

  Value mapping(const Expression& node, const ScopePtr& scope) {
    Map map;
    for (std::size_t i = 0; i < node.parts.size(); i += 2) {
      const Value key = part(node, i, scope);
      if (!key.is_string()) throw Failure(concat("a mapping's key: expected a string, got ", type_name(key)));
      map.set(*key.get<std::string>(), part(node, i + 1, scope));
    }
    return map;
  }

  /// a < b < c holds when each neighbouring pair does; each part is computed at most once.
  Value comparison(const Expression& node, const ScopePtr& scope) {
    Value left = part(node, 0, scope);
    for (std::size_t i = 0; i < node.operators.size(); ++i) {
      Value right = part(node, i + 1, scope);
      if (!holds(node.operators[i], left, right)) return false;
      left = std::move(right);
    }
    return true;
  }

  static bool holds(const std::string& op, const Value& left, const Value& right) {
    if (op == "==") return equal(left, right);
    if (op == "!=") return !equal(left, right);
    if (op == "in") return contains(right, left);
    if (op == "not in") return !contains(right, left);
    if (op == "<") return less(left, right);
    if (op == ">") return less(right, left);
    return op == "<=" ? !less(right, left) : !less(left, right);
  }

  ScopePtr root_;
  std::vector<ScopePtr> with_macros_;
  std::string text_;
  std::string now_;
  int macro_depth_ = 0;
  int levels_ = 0;
  std::size_t loop_depth_ = 0;
};

}  // namespace

std::string evaluate(const Block& block, const Map& variables) { return Evaluator(variables).run(block); }

}  // namespace longbow::data::jinja
